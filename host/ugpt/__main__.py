"""`python -m ugpt` is the same as `ugpt`."""

from .cli import main

main()
