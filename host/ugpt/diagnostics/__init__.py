"""Caring for a board: examine, watch, restart, measure."""
