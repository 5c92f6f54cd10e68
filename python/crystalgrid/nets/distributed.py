"""Distributed training: averages over the batches of all processes."""

from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

Net = TypeVar("Net", bound=nn.Module)


def is_distributed() -> bool:
    """Return whether this process trains together with others."""
    return distributed.is_available() and distributed.is_initialized()


def mean_over_processes(x: Tensor) -> Tensor:
    """Return the mean of x over all processes, through which gradients flow back."""
    if not is_distributed():
        return x
    mean: Tensor = _Mean.apply(x)  # type: ignore[no-untyped-call]
    return mean


class _Mean(torch.autograd.Function):
    """The mean over processes, whose gradient is the mean of the gradients."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        total = x.clone()
        distributed.all_reduce(total)
        return total / distributed.get_world_size()

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return _Mean.forward(_, gradient)


class SyncBatchNorm3d(nn.BatchNorm3d):
    """A batch normalisation over the batches of all processes: two learn what one learns from twice the batch.

    torch's `SyncBatchNorm` does so on a GPU only.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and is_distributed()):
            return super().forward(x)
        values, axes = x.float(), (0, 2, 3, 4)
        mean = mean_over_processes(values.mean(axes))
        centred = values - mean[:, None, None, None]
        variance = mean_over_processes(centred.square().mean(axes))
        self._update_running(mean.detach(), variance.detach(), distributed.get_world_size() * values[:, 0].numel())
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None, None] + self.bias[:, None, None, None]).to(x.dtype)

    @torch.no_grad()
    def _update_running(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics, which normalise after training, towards those of this batch of `count`."""
        for name, value in (("running_mean", mean), ("running_var", variance * count / (count - 1))):
            self.get_buffer(name).lerp_(value, self.momentum)  # type: ignore[arg-type]
        self.get_buffer("num_batches_tracked").add_(1)


def synchronize_batch_norms(net: Net) -> Net:
    """Return the network with each batch normalisation replaced by one over all processes, its parameters kept."""
    for module in net.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm3d):
                synchronized = SyncBatchNorm3d(child.num_features)
                synchronized.load_state_dict(child.state_dict())
                setattr(module, name, synchronized)
    return net
