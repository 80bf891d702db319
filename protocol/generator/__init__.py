"""Writes the protocol's C++, Python and reference page from `protocol/ugpt.toml`."""
