"""Models as files: recipes, checkpoints, released weights, exported artifacts and the sampler that runs them."""
