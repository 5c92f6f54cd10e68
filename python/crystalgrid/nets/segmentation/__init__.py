"""The segmentation networks, from a density to the species of each voxel."""
