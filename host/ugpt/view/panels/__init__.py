"""The parts of the dashboard: each a function from the state to lines of text."""
