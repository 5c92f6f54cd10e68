"""A flow over latent vectors, which carries noise to the latent vectors of crystals (Lipman et al. 2023)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .base import Generator

FREQUENCIES = 16
"""The number of sines and cosines that represent the time."""


class Layer(nn.Module):
    """A residual layer conditioned on the time."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, hidden)
        self.time = nn.Linear(2 * FREQUENCIES, hidden)
        self.outer = nn.Linear(hidden, width)

    def forward(self, x: Tensor, time_features: Tensor) -> Tensor:
        x = x + self.outer(F.silu(self.inner(self.norm(x)) + self.time(time_features)))
        return x


class LatentFlow(Generator):
    """A flow from noise x₀ ~ N(0, 1) to latent vectors x₁ along dx/dt = v(x, t), t from 0 to 1.

    The network v learns x₁ - x₀ from points x = (1 - t) x₀ + t x₁ on straight lines between noise and latent vectors of
    crystals (flow matching). Where many lines cross it learns their mean; following that mean leads to vectors
    distributed like those of crystals. The network's inputs are standardised latent vectors.

    widths: the widths of the layers' hidden parts; the residual stream has the first of them.
    steps: the steps of the midpoint rule from noise to a latent vector, each with two evaluations of the network.
    """

    def __init__(self, latent_dim: int, widths: tuple[int, ...], steps: int = 16) -> None:
        super().__init__()
        self.steps = steps
        self.input = nn.Linear(latent_dim, widths[0])
        self.layers = nn.ModuleList(Layer(widths[0], hidden) for hidden in widths)
        self.output = nn.Sequential(nn.LayerNorm(widths[0]), nn.Linear(widths[0], latent_dim))
        self.scale: Tensor
        self.frequencies: Tensor
        self.register_buffer("scale", torch.stack((torch.zeros(latent_dim), torch.ones(latent_dim))))  # mean, deviation
        self.register_buffer("frequencies", math.pi * torch.arange(1, FREQUENCIES + 1), persistent=False)

    def fit(self, z: Tensor) -> None:
        """Set the mean and the standard deviation of each latent number from examples [B, latent_dim]."""
        self.scale.copy_(torch.stack((z.mean(0), z.std(0).clamp_min(1e-3))))

    def velocity(self, x: Tensor, time: Tensor) -> Tensor:
        """Return v [B, latent_dim] at standardised x [B, latent_dim] and times [B]."""
        phase = time[:, None] * self.frequencies
        time_features = torch.cat((phase.cos(), phase.sin()), 1)
        h: Tensor = self.input(x)
        for layer in self.layers:
            h = layer(h, time_features)
        v: Tensor = self.output(h)
        return v

    def loss(self, z: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """Return the flow-matching loss: the mean squared error of v on the line from noise to z, at times [B].

        z, noise: [B, latent_dim].
        """
        z, t = (z - self.scale[0]) / self.scale[1], time[:, None]
        return (self.velocity((1 - t) * noise + t * z, time) - (z - noise)).square().mean()

    def forward(self, noise: Tensor) -> Tensor:
        """Return the latent vectors [B, latent_dim] that noise [B, latent_dim] is carried to."""
        x, end_time = noise, torch.ones_like(noise[:, 0])
        for step in range(self.steps):
            middle = x + self.velocity(x, end_time * (step / self.steps)) * (0.5 / self.steps)
            x = x + self.velocity(middle, end_time * ((step + 0.5) / self.steps)) / self.steps
        return x * self.scale[1] + self.scale[0]
