"""The generators: noise to latent vectors, or to crystals."""
