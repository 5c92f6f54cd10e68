"""Training: the loop, the losses, and one module for each thing that is trained."""
