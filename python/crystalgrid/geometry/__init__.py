"""Geometry of crystals without networks: lattices, symmetry, orbits, lattice finders, structure factors."""
