"""What programs and notebooks use: a run as one object, trained by one call."""
