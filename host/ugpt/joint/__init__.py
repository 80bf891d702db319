"""One model trained by many boards."""
