"""Everything on disk about a run."""
