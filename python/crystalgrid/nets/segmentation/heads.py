"""The heads of the U-Net: the features of a voxel to its species and, in training, to the loss."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...crystal import MAX_Z
from ..distributed import mean_over_processes
from ..layers import perceptron

PRESENCE_WIDTH = 24
"""The width of the perceptron for presence, which is evaluated for every voxel."""
TAIL = 5.0
"""The depth below its maximum at which the logarithm of Student's t departs from a parabola."""


class SoftmaxHead(nn.Module):
    """A softmax over 95 classes, of which 0 is no atom (section 4.2.2); the likeliest is the species."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.classify = nn.Linear(features, 1 + MAX_Z)
        with torch.no_grad():  # at first, atoms are as rare as in data and all species equally likely
            rare = torch.full((MAX_Z,), -math.log(3 * MAX_Z))
            self.classify.bias.copy_(torch.cat((torch.zeros(1), rare)))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return species, uint8, and the softmax probability of that class, both [B, n, n, n].

        features: [B, n, n, n, features].
        """
        species: list[Tensor] = []
        confidence: list[Tensor] = []
        for plane in features.unbind(1):  # 95 numbers per voxel are held for one plane at a time
            best, index = self.classify(plane).float().softmax(-1).max(-1)
            confidence.append(best)
            species.append(index.to(torch.uint8))
        return torch.stack(species, 1), torch.stack(confidence, 1)

    def loss(self, features: Tensor, species: Tensor) -> Tensor:
        """Return the binary cross entropy, the mean over voxels and classes (Eq. 3), without the one-hot matrix S."""
        logits = self.classify(features).float()
        true_logits = logits.gather(-1, species.unsqueeze(-1).long())
        loss: Tensor = F.softplus(logits).mean() - true_logits.mean() / logits.size(-1)
        return loss


class PresenceAndSpeciesHead(nn.Module):
    """A hurdle model: the presence of an atom in a voxel, and the species of an atom that is there.

    Elements with similar Z look alike, and the last feature is already nearly a measure of Z (it comes from a deblurred
    density, which is Z at an isolated atom). So a species' logit is a parabola around a learned correction of that
    feature, with a learned sharpness, plus a contribution of the other features.

    z_features: [94], the last feature of a voxel at an isolated atom of each Z.
    hidden: the width of a perceptron for the species, which is evaluated for voxels with an atom only; with 0, presence
    and species are linear. With a perceptron, the parabola is as flat as the logarithm of Student's t far from its
    maximum, so that one feature that is far off does not decide alone.
    """

    z_features: Tensor

    def __init__(self, features: int, z_features: Tensor, hidden: int = 0) -> None:
        super().__init__()
        self.presence_hidden = nn.Sequential(nn.Linear(features, PRESENCE_WIDTH), nn.SiLU()) if hidden else None
        self.presence = nn.Linear(PRESENCE_WIDTH if hidden else features, 1)
        self.hidden = nn.Sequential(*perceptron((features, hidden, hidden)), nn.SiLU()) if hidden else None
        self.species = nn.Linear(features + hidden, MAX_Z + 2)
        self.register_buffer("z_features", z_features, persistent=False)
        with torch.no_grad():
            self.presence.bias.fill_(-math.log(30))  # about one voxel in 30 has an atom
            self.species.bias.zero_()
            self.species.bias[-1] = math.log(5.0)

    def presence_logits(self, features: Tensor) -> Tensor:
        """Return the logit of an atom, [...], of features [..., features]."""
        hidden = features if self.presence_hidden is None else self.presence_hidden(features)
        logits: Tensor = self.presence(hidden).squeeze(-1)
        return logits

    def species_logits(self, features: Tensor, tail: float = TAIL) -> Tensor:
        """Return the logits of the species of V voxels that have an atom, [V, 94], of features [V, features]."""
        hidden = features if self.hidden is None else torch.cat((features, self.hidden(features)), 1)
        scores = self.species(hidden).float()
        z_feature = features[:, -1:].float() + scores[:, -2:-1]
        sharpness = scores[:, -1:].clamp(max=6.0).exp()
        penalty = 0.5 * (sharpness * (self.z_features - z_feature)).square()
        if self.hidden is not None:
            penalty = tail * torch.log1p(penalty / tail)
        logits: Tensor = scores[:, :-2] - penalty
        return logits

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return species, uint8, and the probability of that, both [B, n, n, n], of [B, n, n, n, features].

        The species is computed only for voxels that have an atom.
        """
        presence = self.presence_logits(features).float()
        is_atom = presence > 0
        best, index = self.species_logits(features[is_atom]).softmax(-1).max(-1)
        species = torch.zeros_like(presence, dtype=torch.uint8)
        species[is_atom] = (index + 1).to(torch.uint8)
        confidence = torch.sigmoid(presence.abs())
        confidence[is_atom] *= best
        return species, confidence

    def loss(self, features: Tensor, species: Tensor) -> Tensor:
        """Return the cross entropies of presence and species, summed over all voxels, per voxel that has an atom.

        In distributed training, voxels of all processes are counted; the mean of each process's quotient would differ.
        """
        with torch.autocast(features.device.type, enabled=False):  # bfloat16 cannot tell Z = 50 from 51
            is_atom = species > 0
            presence = F.binary_cross_entropy_with_logits(
                self.presence_logits(features), is_atom.float(), reduction="sum"
            )
            logits, target = self.species_logits(features[is_atom]), species[is_atom].long() - 1
            total = presence + F.cross_entropy(logits, target, reduction="sum")
        atoms = is_atom.sum().float()
        if self.training:
            atoms = mean_over_processes(atoms)
        return total / atoms.clamp_min(1)
