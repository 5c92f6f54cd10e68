"""Networks made cheaper to run, once they are trained."""

import copy
import itertools
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Net = TypeVar("Net", bound=nn.Module)


def folded(network: Net) -> Net:
    """A copy for inference: batch normalisations within the convolutions before them, weights in channels-last order.

    On a CPU that takes about half the time of the network as it was trained, mostly by the order of the weights.
    """
    network = copy.deepcopy(network).eval()
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            for i, j in itertools.pairwise(range(len(module))):
                conv, norm = module[i], module[j]
                if isinstance(conv, nn.Conv3d) and isinstance(norm, nn.BatchNorm3d):
                    module[i], module[j] = fuse_conv_bn_eval(conv, norm), nn.Identity()
    return network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
