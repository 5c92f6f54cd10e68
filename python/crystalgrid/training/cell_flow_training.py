"""Training of `CellFlow`, for autoencoders that encode unit cells exactly."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ..artifacts.recipe import MIXED, Optimizer
from ..data.crystalset import CrystalSet
from ..errors import InputError
from ..geometry.orbits import Orbits, from_first_atoms, orbit_positions, to_float
from ..nets.generators.cell_flow import LEAST_NOISE, CellFlow, most_atoms
from ..nets.generators.templates import TEMPLATES
from ..nets.network import CrystalNet
from .prior import PriorRecipe, PriorTraining
from .unit_cells import UnitCells, build_unit_cells, shortest_distances, small_enough

PASS_SIZE = 32
"""The number of crystals, of about equally many atoms, that go through the network at once."""


class CellFlowTraining(PriorTraining[CellFlow, UnitCells]):
    """Training of a `CellFlow` on the unit cells of crystals."""

    default_recipe = PriorRecipe(
        widths=(256, 256, 256, 256),
        max_atoms=32,  # 90 % of the crystals of the Materials Project with sides below 10 Å have at most 32
        optimizer=Optimizer(
            learning_rate=1e-3, batch_size=64, steps=40_000, check_every=1000, warmup=100, decay=True,
            weight_decay=1e-2, grad_clip=1.0, precision=MIXED,
        ),
    )  # fmt: skip

    @staticmethod
    def learnable(crystals: CrystalSet, latent_dim: int, recipe: PriorRecipe) -> np.ndarray:
        most = most_atoms(latent_dim)
        if most < 1:
            raise InputError(f"latent_dim: wanted {LEAST_NOISE} or more to draw crystals, got {latent_dim}")
        return small_enough(crystals, min(recipe.max_atoms or most, most))

    @property
    def atoms(self) -> int:
        """The most atoms in a cell: those of the largest crystal, or of the prior to start from if it has more."""
        start = (self.info.start and self.info.start.atoms) or 0
        return max(start, int(np.diff(self.crystals.offsets).max()))

    def examples(self, _: CrystalNet, crystals: CrystalSet) -> UnitCells:
        return build_unit_cells(crystals, self.atoms)

    def fit_closed_form(self, examples: UnitCells) -> None:
        """Fit the lattice parameters' scale and the minimum distances, and keep symmetry templates."""
        self.generator.fit(examples.lattice_params)
        self.generator.minimum_distances.fit(*shortest_distances(examples))
        order = np.random.default_rng(self.info.seed).permutation(len(self.crystals))
        kept = np.resize(order, TEMPLATES)
        orbits = Orbits(*(part[kept] for part in examples.orbits))
        self.generator.templates.fit(orbits, examples.element_slots[kept])

    def loss(self, examples: UnitCells, chosen: np.ndarray, batch: int) -> Tensor:
        """Return the loss of the chosen crystals, grouped by size so that little is computed for padding."""
        rng, total = self.rng(batch), torch.zeros((), device=self.device)
        torch.manual_seed(int(rng.integers(1 << 63)))  # for dropout
        by_size = chosen[examples.counts[chosen].sum(1).argsort(stable=True).numpy()]
        for part in np.array_split(by_size, max(1, len(by_size) // PASS_SIZE)):
            total = total + cell_flow_loss(self.generator, examples.select(part), rng) * (len(part) / len(chosen))
        return total


def cell_flow_loss(flow: CellFlow, cells: UnitCells, rng: np.random.Generator) -> Tensor:
    """Return the flow-matching loss of a batch of crystals plus the negative log probability of their compositions.

    Orbits start at free points that are uniform in the cell; noise and times are drawn from `rng`.
    """
    device = flow.lattice_scale.device
    orbits = to_float(cells.orbits)
    uniform = rng.random(cells.frac_coords.shape, dtype=np.float32)
    free_points = match_free_points(uniform, cells.frac_coords, cells.numbers, orbits).to(device)
    lattice_noise = torch.from_numpy(rng.standard_normal(cells.lattice_params.shape, dtype=np.float32)).to(device)
    time = torch.from_numpy(rng.random(len(free_points), dtype=np.float32)).to(device)
    crystals = cells.frac_coords.to(device), cells.lattice_params.to(device), cells.numbers.to(device)
    orbits = Orbits(*(part.to(device) for part in orbits))
    loss: Tensor = flow.loss(crystals, orbits, (free_points, lattice_noise), time)
    elements, counts = cells.elements.to(device), cells.counts.to(device)
    loss = loss + flow.composition.loss(elements, counts, orbits.space_group)
    return loss


def match_free_points(free_points: np.ndarray, frac_coords: Tensor, numbers: Tensor, orbits: Orbits) -> Tensor:
    """Return free points [B, K, 3] to start from, exchanged among like orbits so that paths to their ends are shortest.

    Exchanging the starting points of like orbits makes no difference to the crystal, but crossing paths are harder to
    learn (Tong et al. 2024, minibatch optimal transport). Like orbits are of one species, with the same affine map and
    offset.
    """
    matched = free_points.copy()
    ends, starts = (
        from_first_atoms(orbits, orbit_positions(orbits, points)).numpy()
        for points in (frac_coords, torch.from_numpy(matched))
    )
    species, orbit = numbers.numpy(), orbits.orbit.numpy()
    site = orbits.affine.flatten(2).numpy(), orbits.offset.numpy(), species[:, :, None]
    kinds = np.concatenate(site, 2)
    is_first = (orbit == np.arange(orbit.shape[1])) & (species > 0)
    for b in range(len(matched)):
        firsts = np.flatnonzero(is_first[b])
        _, kind = np.unique(kinds[b, firsts], axis=0, return_inverse=True)
        for k in range(kind.max() + 1):
            like = firsts[kind.ravel() == k]
            if len(like) > 1:
                matched[b, like] = matched[b, like][_assignment(starts[b, like], ends[b, like])]
    return torch.from_numpy(matched)


def _assignment(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the index of the start [N, 3] assigned to each end [N, 3], with the least sum of squared differences.

    Differences are of fractional coordinates modulo 1, component by component, as the paths of the flow are: this is
    no distance in Å, so rounding is exact.
    """
    difference = ends[:, None] - starts
    difference -= np.rint(difference)
    assigned: np.ndarray = linear_sum_assignment((difference**2).sum(-1))[1]
    return assigned
