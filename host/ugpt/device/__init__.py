"""One connected board as an object, and how to find it."""
