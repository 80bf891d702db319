"""Brings a run to its end, whatever happens to the board and the line."""
