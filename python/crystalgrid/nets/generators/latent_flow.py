"""What latent vectors of crystals are like: a flow that carries noise to them (Lipman et al. 2023, flow matching)."""

import math

import torch
from torch import Tensor, nn

FREQUENCIES = 16


class Layer(nn.Module):
    """A residual layer that knows the time."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, hidden)
        self.time = nn.Linear(2 * FREQUENCIES, hidden)
        self.outer = nn.Linear(hidden, width)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        return x + self.outer(torch.nn.functional.silu(self.inner(self.norm(x)) + self.time(time)))


class Prior(nn.Module):
    """Noise x₀ ~ N(0, 1) to latent vectors x₁ along dx/dt = v(x, t), t from 0 to 1.

    The network v learns x₁ - x₀ from points x = (1 - t) x₀ + t x₁ on straight lines between noise and latent vectors of
    crystals; where many lines cross it learns their mean, and following that leads to vectors distributed as crystals'
    are. Inside, latent numbers are standardised.

    widths: of the layers' hidden parts; all but these are as wide as the first.
    steps: of the midpoint rule from noise to a latent vector, each of which asks the network twice.
    """

    def __init__(self, latent_dim: int, widths: tuple[int, ...], steps: int = 16) -> None:
        super().__init__()
        self.steps = steps
        self.enter = nn.Linear(latent_dim, widths[0])
        self.layers = nn.ModuleList(Layer(widths[0], hidden) for hidden in widths)
        self.leave = nn.Sequential(nn.LayerNorm(widths[0]), nn.Linear(widths[0], latent_dim))
        self.scale: Tensor
        self.frequencies: Tensor
        self.register_buffer("scale", torch.stack((torch.zeros(latent_dim), torch.ones(latent_dim))))  # mean, deviation
        self.register_buffer("frequencies", math.pi * torch.arange(1, FREQUENCIES + 1), persistent=False)

    @torch.jit.ignore
    def fit(self, z: Tensor) -> None:
        """Take mean and deviation of each latent number from examples [B, latent_dim]."""
        self.scale.copy_(torch.stack((z.mean(0), z.std(0).clamp_min(1e-3))))

    def velocity(self, x: Tensor, time: Tensor) -> Tensor:
        """Standardised x [B, latent_dim] at times [B] to v."""
        phase = time[:, None] * self.frequencies
        features = torch.cat((phase.cos(), phase.sin()), 1)
        h = self.enter(x)
        for layer in self.layers:
            h = layer(h, features)
        return self.leave(h)

    @torch.jit.ignore
    def loss(self, z: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """Mean squared error of v on the way from noise to z, both [B, latent_dim], at times [B]."""
        z, at = (z - self.scale[0]) / self.scale[1], time[:, None]
        return (self.velocity((1 - at) * noise + at * z, time) - (z - noise)).square().mean()

    def forward(self, noise: Tensor) -> Tensor:
        """noise [B, latent_dim] to latent vectors [B, latent_dim]."""
        x, ones = noise, torch.ones_like(noise[:, 0])
        for step in range(self.steps):
            half = x + self.velocity(x, ones * (step / self.steps)) * (0.5 / self.steps)
            x = x + self.velocity(half, ones * ((step + 0.5) / self.steps)) / self.steps
        return x * self.scale[1] + self.scale[0]
