"""Many boards at once: who they are, and how others reach them."""
