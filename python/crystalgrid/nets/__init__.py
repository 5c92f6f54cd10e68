"""The networks, from tensors to tensors; `torch.jit.script` can compile every module as it stands."""
