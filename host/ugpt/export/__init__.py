"""A trained model as something other programs read."""
