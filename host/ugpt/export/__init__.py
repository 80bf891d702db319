"""A trained model as something other programs read, and the way back."""
