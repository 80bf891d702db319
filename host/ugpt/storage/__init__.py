"""Files in general: where they are kept between calls, and how they are read safely."""
