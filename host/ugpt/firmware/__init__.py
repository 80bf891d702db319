"""Builds the firmware, writes it to a board, and decodes its crashes."""
