"""The networks: tensors in, tensors out; every module can be compiled by `torch.jit.script` as it stands."""
