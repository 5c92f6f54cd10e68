"""The worth of a crystal: whether it is valid, new, of which structure type, and how far above the hull."""
