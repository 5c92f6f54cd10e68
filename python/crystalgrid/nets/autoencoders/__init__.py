"""The autoencoders: a density of 30³ voxels to a latent vector and back."""
