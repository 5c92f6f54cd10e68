"""The prediction of energies above the hull of structure types with elements, before they have any geometry."""

import torch
from torch import Tensor

from ..property_head import PropertyHead
from .sizes import Sizes
from .type_drawer import TypeDrawer
from .wyckoff_language import Reading

WIDTHS = (256, 128)
"""The widths of the hidden layers."""


class PredictedEnergy(TypeDrawer):
    """A drawer of structure types that may have learned how stable they are, from crystals that a potential judged."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.stability = PropertyHead(2 * sizes.width + 6, WIDTHS) if sizes.stability else None

    def energy_above(self, reading: Reading, distance: Tensor, is_new: Tensor) -> Tensor:
        """Return the energies above the hull in eV/atom that are predicted, [B], of structure types with elements.

        No geometry is known yet: see `stability_features`. 0 if nothing was learned to predict them.
        """
        stability = self.stability
        if stability is None:
            return torch.zeros(len(distance))
        energy: Tensor = stability(stability_features(reading, distance, is_new))
        return energy


def stability_features(reading: Reading, distance: Tensor, is_new: Tensor) -> Tensor:
    """Return what energies above the hull are predicted from, [B, 2 · width + 6]: how the language reads a crystal.

    distance: [B], the chemical distance to the nearest known crystal of the type; is_new: [B] bool, whether there is
    none.
    """
    nearness = torch.stack((distance.float(), is_new.float()), 1)
    return torch.cat((reading.summary, reading.log_probabilities, nearness), 1)
