"""Symmetry templates: Wyckoff orbits of training crystals, of which a new crystal takes one (Jiao et al. 2024)."""

import torch
from torch import Tensor, nn

from ...geometry.orbits import LINEAR_UNITS, Orbits, to_float
from .composition import uniform_from_normal

TEMPLATES = 4096
"""The number of crystals whose symmetry is kept; they are chosen at random, so common symmetries are drawn often."""


class Templates(nn.Module):
    """The Wyckoff orbits of `TEMPLATES` crystals of at most `atoms` atoms, and the element slots of their atoms.

    Before `fit`, every template is one atom without symmetry.
    """

    def __init__(self, atoms: int) -> None:
        super().__init__()
        is_atom = (torch.arange(atoms) == 0).to(torch.int8)
        # Matrices are kept flat: `to(memory_format=channels_last)` takes buffers of four dimensions for images.
        identity = LINEAR_UNITS * is_atom.unsqueeze(1) * torch.eye(3, dtype=torch.int8).flatten()
        single_atom = {
            "affine": identity,
            "projector": identity,
            "offset": torch.zeros(atoms, 3, dtype=torch.int16),
            "orbit": torch.arange(atoms, dtype=torch.int8),
            "metric_projector": LINEAR_UNITS * torch.eye(6, dtype=torch.int16),
            "space_group": torch.ones((), dtype=torch.int16),
            "element_slots": is_atom,
        }
        self.affine: Tensor
        self.projector: Tensor
        self.offset: Tensor
        self.orbit: Tensor
        self.metric_projector: Tensor
        self.space_group: Tensor
        self.element_slots: Tensor
        for name, value in single_atom.items():
            self.register_buffer(name, value.expand(TEMPLATES, *value.shape).clone())

    def fit(self, orbits: Orbits, element_slots: Tensor) -> None:
        """Keep the orbits of `TEMPLATES` crystals, in whole numbers, the commonest symmetry first.

        element_slots: [TEMPLATES, K], 1 for atoms of the crystal's lightest element, 2 for the next, 0 for no atom.
        """
        symmetry = torch.cat((orbits.space_group.unsqueeze(1), element_slots), 1)
        _, kind, count = torch.unique(symmetry, dim=0, return_inverse=True, return_counts=True)
        order = (-count[kind] * len(count) + kind).argsort(stable=True)
        buffers = (
            self.affine,
            self.projector,
            self.offset,
            self.orbit,
            self.metric_projector,
            self.space_group,
            self.element_slots,
        )
        for buffer, values in zip(buffers, (*orbits, element_slots), strict=True):
            buffer.copy_(values[order].view_as(buffer))

    def forward(self, noise: Tensor) -> tuple[Orbits, Tensor]:
        """Return the orbits and the element slots [B, K] of templates chosen by noise ~ N(0, 1) [B].

        Noise nearer to 0 chooses a more common symmetry.
        """
        templates = self.space_group.size(0)
        chosen = (uniform_from_normal(noise) * templates).long().clamp(max=templates - 1)
        orbits = Orbits(
            torch.unflatten(self.affine[chosen], 2, [3, 3]),
            torch.unflatten(self.projector[chosen], 2, [3, 3]),
            self.offset[chosen],
            self.orbit[chosen],
            self.metric_projector[chosen],
            self.space_group[chosen],
        )
        return to_float(orbits), self.element_slots[chosen].long()
