"""Latent vectors of crystals: networks that encode the orbits of a crystal in 300 numbers, and decode these."""
