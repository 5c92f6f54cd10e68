"""Crystals on demand: a generator draws crystals that meet conditions, in Python."""
