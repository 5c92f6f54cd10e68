"""Several processes, each with its part of a batch: what must be counted over the whole batch, and not part by part."""

from typing import TypeVar

import torch
from torch import Tensor, distributed, nn

Net = TypeVar("Net", bound=nn.Module)


def several_processes() -> bool:
    """Whether this process trains together with others."""
    return distributed.is_available() and distributed.is_initialized()


def mean_over_processes(x: Tensor) -> Tensor:
    """The mean of x over all processes, which gradients flow back through."""
    return _Mean.apply(x) if several_processes() else x


class _Mean(torch.autograd.Function):
    """The gradient of a mean over processes is the mean of their gradients."""

    @staticmethod
    def forward(_, x: Tensor) -> Tensor:
        total = x.clone()
        distributed.all_reduce(total)
        return total / distributed.get_world_size()

    @staticmethod
    def backward(_, gradient: Tensor) -> Tensor:
        return _Mean.forward(_, gradient)


class JointBatchNorm3d(nn.BatchNorm3d):
    """Normalises by the whole batch, so that two processes learn what one learns from a batch of twice the size.

    torch's `SyncBatchNorm` does so on a GPU only.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and several_processes()):
            return super().forward(x)
        values, axes = x.float(), (0, 2, 3, 4)
        mean = mean_over_processes(values.mean(axes))
        centred = values - mean[:, None, None, None]
        variance = mean_over_processes(centred.square().mean(axes))
        self._remember(mean.detach(), variance.detach(), distributed.get_world_size() * values[:, 0].numel())
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None, None] + self.bias[:, None, None, None]).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Towards what is normalised by after training."""
        for name, seen in (("running_mean", mean), ("running_var", variance * count / (count - 1))):
            self.get_buffer(name).lerp_(seen, self.momentum)  # type: ignore[arg-type]
        self.get_buffer("num_batches_tracked").add_(1)


def joined(net: Net) -> Net:
    """The same network and parameters, with every batch normalisation over all processes."""
    for module in net.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm3d):
                joint = JointBatchNorm3d(child.num_features)
                joint.load_state_dict(child.state_dict())
                setattr(module, name, joint)
    return net
