"""The discriminator of section 9, which scores how near a decoded density is to a real crystal's."""

from torch import Tensor, nn

from .layers import conv_block
from .relative_density import relative_density


class Discriminator(nn.Module):
    """A network from a density to the logit of 1 - λ of Eq. (7): three strided convolutions and one layer.

    The grid becomes 30³ → 14³ → 6³ → 2³. The paper names no layers. Densities are divided by their means, so that
    crystals of all elements look alike.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *conv_block(1, 16, 3, stride=2), *conv_block(16, 32, 3, stride=2), *conv_block(32, 64, 3, stride=2),
            nn.Flatten(), nn.Linear(64 * 2**3, 1),
        )  # fmt: skip

    def forward(self, density: Tensor) -> Tensor:
        """Return logits [B], whose sigmoid is 1 for a real crystal's decode, of densities [B, 30, 30, 30] in 1/Å³."""
        logits: Tensor = self.layers(relative_density(density).unsqueeze(1)).squeeze(1)
        return logits
