"""The commands, a file each; the first line of a file is the line that `ugpt --help` shows."""
