"""The composition of a crystal as its latent vector says it: the element of each slot, and its share of the atoms."""

import numpy as np
import torch
from torch import Tensor, nn

from ..geometry.elements import ATOMIC_WEIGHTS, COVALENT_RADII, ELECTRONEGATIVITIES, MENDELEEV_NUMBERS

PROPERTIES = (np.arange(95.0), ATOMIC_WEIGHTS, MENDELEEV_NUMBERS, COVALENT_RADII, ELECTRONEGATIVITIES)
"""The properties of the elements whose statistics are features, each [95] by Z."""
CLASSES = 95
"""No element, and Z = 1 to 94."""
N_FEATURES = CLASSES - 1 + 4 * len(PROPERTIES)
HIDDEN = (512, 256)


class CompositionReadout(nn.Module):
    """Networks that read the element of each slot and its share of the atoms from standardized latent vectors.

    size: of the vectors; slots: the most elements of a crystal.
    """

    def __init__(self, size: int, slots: int) -> None:
        super().__init__()
        self.slots = slots
        self.elements = nn.Linear(size, slots * CLASSES)
        first, second = HIDDEN
        self.shares = nn.Sequential(
            nn.Linear(size, first), nn.SiLU(), nn.Linear(first, second), nn.SiLU(), nn.Linear(second, slots)
        )
        table = np.nan_to_num(np.stack(PROPERTIES, 1), posinf=0.0)
        self.properties: Tensor
        self.register_buffer("properties", torch.from_numpy(table / table.std(0)).float(), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of elements [B, S, 95], and shares of atoms [B, S], of vectors [B, size]."""
        return self.elements(x).view(len(x), self.slots, CLASSES), self.shares(x).softmax(1)

    def features(self, x: Tensor) -> Tensor:
        """Return the shares of elements, then mean, deviation, least and most of each property, [B, N_FEATURES].

        They are those of `data.composition_features`, with probabilities in place of elements, so that they have
        gradients.
        """
        logits, shares = self(x)
        probability, weight = logits.softmax(2), shares.unsqueeze(2)
        values = probability @ self.properties
        mean = (weight * values).sum(1)
        deviation = ((weight * values.square()).sum(1) - mean.square()).clamp(min=1e-6).sqrt()
        absent = logits.argmax(2, keepdim=True) == 0
        least = values.masked_fill(absent & ~absent.all(1, keepdim=True), torch.inf).amin(1)
        most = values.masked_fill(absent & ~absent.all(1, keepdim=True), -torch.inf).amax(1)
        return torch.cat(((probability * weight).sum(1)[:, 1:], mean, deviation, least, most), 1)
