"""The commands: each takes arguments and calls one function."""
