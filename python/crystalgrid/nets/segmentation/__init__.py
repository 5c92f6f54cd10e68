"""The segmentation networks: a density to the species of each voxel."""
