"""Work with latent vectors of crystals: tables of them, decoding, ways, neighbours, maps, properties."""
