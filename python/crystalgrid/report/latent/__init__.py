"""What one does with latent vectors of crystals: encode, decode, ways, neighbours, maps, properties."""
