"""What a crystal is worth: whether it is valid, of which structure type it is, and whether it is new."""
