"""From text to tokens, in the order of training."""
