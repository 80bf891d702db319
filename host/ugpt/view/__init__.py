"""Events as something a person reads: the dashboard, lines of text, JSON."""
