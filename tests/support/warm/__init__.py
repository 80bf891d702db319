"""`ugpt` without the start of a Python for each command.

Most of the CPU time of a short command goes into importing what it uses. A server imports that
once and forks itself for each command (`server.py`); the child then runs the package's own
`__main__` to its end, with the arguments, folder, environment and streams that it was given, and
ends as an interpreter does. `client.py` starts commands there and follows them as if they were
children of its own.

Tests of what happens before or while Python starts, or of what only a child of theirs can tell,
are marked `own_process` and start one.
"""
