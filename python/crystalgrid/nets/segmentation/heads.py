"""From what the U-Net knows about a voxel to its species, and to the loss of a wrong one."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..distributed import mean_over_processes

SPECIES = 94
"""Z = 1 to 94; 0 is no atom."""
ASKED = 24
"""Width of the perceptron for the first question, which every voxel is asked."""
TAIL = 5.0
"""Below its top, where the logarithm of Student's t departs from a parabola."""


class OneQuestion(nn.Module):
    """The likeliest of 95 classes, of which 0 is no atom (section 4.2.2)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.classify = nn.Linear(features, 1 + SPECIES)
        with torch.no_grad():  # begin with how rare atoms are, and every species alike
            rare = torch.full((SPECIES,), -math.log(3 * SPECIES))
            self.classify.bias.copy_(torch.cat((torch.zeros(1), rare)))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[B, n, n, n, features] to species, uint8, and the softmax probability of that class, both [B, n, n, n]."""
        species: list[Tensor] = []
        confidence: list[Tensor] = []
        for plane in features.unbind(1):  # 95 numbers per voxel are held for one plane at a time
            best, index = self.classify(plane).float().softmax(-1).max(-1)
            confidence.append(best)
            species.append(index.to(torch.uint8))
        return torch.stack(species, 1), torch.stack(confidence, 1)

    @torch.jit.ignore
    def loss(self, features: Tensor, species: Tensor) -> Tensor:
        """Binary cross entropy, the mean over voxels and classes (Eq. 3), without ever holding the one-hot matrix S."""
        logits = self.classify(features).float()
        true_logits = logits.gather(-1, species.unsqueeze(-1).long())
        return F.softplus(logits).mean() - true_logits.mean() / logits.size(-1)


def perceptron(features: int, hidden: int) -> nn.Sequential:
    """Two layers with SiLU."""
    return nn.Sequential(nn.Linear(features, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())


class TwoQuestions(nn.Module):
    """Is there an atom? And where there is one, of which species?

    What lies near in Z looks alike, and the last feature is already nearly a measure of Z (from a sharpened density,
    which is Z where an atom stands alone). So a species' logit is a parabola around a learned correction of
    it, as sharp as is learned, plus what the other features say about that species by itself.

    places: [94], where the last feature is for each Z.
    hidden: width of a perceptron for the second question, which few voxels are asked; 0: neither question has one.
    With it, the parabola is as flat as the logarithm of Student's t far from its top, so that a feature that is far off
    does not rule alone.
    """

    def __init__(self, features: int, places: Tensor, hidden: int = 0) -> None:
        super().__init__()
        self.known = nn.Sequential(nn.Linear(features, ASKED), nn.SiLU()) if hidden else None
        self.atom = nn.Linear(ASKED if hidden else features, 1)
        self.hidden = perceptron(features, hidden) if hidden else None
        self.species = nn.Linear(features + hidden, SPECIES + 2)
        self.places: Tensor
        self.register_buffer("places", places, persistent=False)
        with torch.no_grad():
            self.atom.bias.fill_(-math.log(30))  # how rare atoms are
            self.species.bias.zero_()
            self.species.bias[-1] = math.log(5.0)

    def atom_logits(self, features: Tensor) -> Tensor:
        """[..., features] to [...]."""
        known = features if self.known is None else self.known(features)
        return self.atom(known).squeeze(-1)

    def species_logits(self, features: Tensor, tail: float = TAIL) -> Tensor:
        """[V, features] to [V, 94]."""
        known = features if self.hidden is None else torch.cat((features, self.hidden(features)), 1)
        scores = self.species(known).float()
        place = features[:, -1:].float() + scores[:, -2:-1]
        sharpness = scores[:, -1:].clamp(max=6.0).exp()
        away = 0.5 * (sharpness * (self.places - place)).square()
        if self.hidden is not None:
            away = tail * torch.log1p(away / tail)
        return scores[:, :-2] - away

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[B, n, n, n, features] to species, uint8, and the probability of that, both [B, n, n, n].

        Only voxels that have an atom are asked for its species.
        """
        atom = self.atom_logits(features).float()
        is_atom = atom > 0
        best, index = self.species_logits(features[is_atom]).softmax(-1).max(-1)
        species = torch.zeros_like(atom, dtype=torch.uint8)
        species[is_atom] = (index + 1).to(torch.uint8)
        confidence = torch.sigmoid(atom.abs())
        confidence[is_atom] *= best
        return species, confidence

    @torch.jit.ignore
    def loss(self, features: Tensor, species: Tensor) -> Tensor:
        """Both questions' cross entropies, summed over all voxels, per voxel that has an atom.

        In training, those of all processes' voxels; a mean of every process's quotient would be another loss.
        """
        with torch.autocast(features.device.type, enabled=False):  # bfloat16 cannot tell Z = 50 from 51
            has = species > 0
            atom = self.atom_logits(features)
            asked = F.binary_cross_entropy_with_logits(atom, has.float(), reduction="sum")
            named = F.cross_entropy(self.species_logits(features[has]), species[has].long() - 1, reduction="sum")
        atoms = has.sum().float()
        if self.training:
            atoms = mean_over_processes(atoms)
        return (asked + named) / atoms.clamp_min(1)
