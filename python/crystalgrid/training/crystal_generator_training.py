"""Training of a generator of crystals that stands by itself, on known crystals alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..artifacts.generator_info import GeneratorInfo
from ..artifacts.recipe import Optimizer
from ..generation.crystal_model import crystals_of
from ..latents import latents
from ..nets.generators.crystal_generator import CrystalGenerator
from ..nets.generators.structure_types import KnownCrystals, StructureTypes
from .crystal_losses import finish_cells, finish_loss, language_loss, log_volumes
from .joint import stream
from .known_crystals import as_examples, keep_known, select
from .unit_cells import shortest_pairs

SORTED_TOGETHER = 16
"""The number of batches whose crystals are sorted by their size, so that little is computed for padding."""
MOST_FINISHED = 40
"""The most atoms of a crystal that the flow learns from; larger ones cost much and are few."""
FINISHED_AT_ONCE = 64
"""The number of crystals, of about equally many atoms, that go through the flow at once."""
HELD_OUT_AT_ONCE = 128
PICTURED = 8
"""The number of crystals in a picture."""


class CrystalGeneratorTraining:
    """Training of a generator's language and flow, on the same crystals in every step.

    info: the description of the run before its first step. learned: the crystals to learn; known: the crystals that
    the generator keeps. start: the generator whose weights training starts from; None for new ones.
    """

    def __init__(
        self, info: GeneratorInfo, learned: KnownCrystals, known: KnownCrystals, start: CrystalGenerator | None = None
    ) -> None:
        torch.manual_seed(info.seed)
        self.info, self.examples = info, as_examples(learned)
        self.formulas = np.zeros(0, np.uint64)
        self.net = info.build()
        keep_known(self.net, known)
        self.begin(start)
        self.net.train()

    def begin(self, start: CrystalGenerator | None) -> None:
        """Set what training begins with: the weights of a generator, or statistics of the examples."""
        if start is None:
            self.fit()
        else:
            self.net.language.load_state_dict(start.language.state_dict())
            self.net.finish.load_state_dict(start.finish.state_dict())

    @property
    def options(self) -> Optimizer:
        return self.info.recipe.optimizer

    @property
    def device(self) -> torch.device:
        """The device that the networks are on."""
        device: torch.device = next(self.net.parameters()).device
        return device

    def fit(self) -> None:
        """Set what statistics of the examples tell: the mean volume, the scale of lattices, the shortest distances."""
        rows = torch.arange(len(self.examples.space_group))
        with torch.no_grad():
            self.net.language.volume_head.bias.fill_(float(log_volumes(self.net, self.examples, rows).mean()))
        cells = [finish_cells(self.net, self.examples, part) for part in self.finished(rows).split(FINISHED_AT_ONCE)]
        self.net.finish.fit(torch.cat([part.lattice_params for part in cells]))
        distances = [shortest_pairs(part.lattice_params, part.frac_coords, part.numbers) for part in cells]
        self.net.finish.minimum_distances.fit(*map(torch.cat, zip(*distances, strict=True)))

    def n_atoms(self, rows: Tensor) -> Tensor:
        """Return the number of atoms in the primitive cells of examples, [B]."""
        return self.examples.counts[rows].sum(1)

    def finished(self, rows: Tensor) -> Tensor:
        """Return the examples that the flow learns from, in the order of their size: at least the smallest."""
        rows = rows[self.n_atoms(rows).argsort(stable=True)]
        return rows[: max(1, int((self.n_atoms(rows) <= MOST_FINISHED).sum()))]

    def batch(self, index: int) -> Tensor:
        """Return the examples of a batch, which have about equally many orbits."""
        size = self.options.batch_size
        group, number = divmod(index, SORTED_TOGETHER)
        together, n_examples = SORTED_TOGETHER * size, len(self.examples.space_group)
        _, chosen = stream(n_examples, self.info.seed, group * together, together)
        n_orbits = self.examples.orbit_offsets.diff().cpu().numpy()[chosen]
        order = np.random.default_rng((self.info.seed, group)).permutation(SORTED_TOGETHER)
        part = chosen[n_orbits.argsort(kind="stable")].reshape(SORTED_TOGETHER, size)[order[number]]
        return torch.from_numpy(part)

    def loss(self, examples: StructureTypes, rows: Tensor, prompted: Tensor, rng: np.random.Generator) -> Tensor:
        """Return the loss of examples: of the language, plus of the flow on those that are not too large."""
        total = language_loss(self.net, examples, rows, prompted)
        finished = self.finished(rows) if examples is self.examples else rows
        for part in finished.split(FINISHED_AT_ONCE):
            total = total + finish_loss(self.net, examples, part, rng) * (len(part) / len(finished))
        return total

    def losses(self, batch: int) -> dict[str, Tensor]:
        """Return the loss of a batch; half of the crystals have their composition given."""
        self.examples.to(self.device)
        rng = np.random.default_rng((self.info.seed, batch))
        torch.manual_seed(int(rng.integers(1 << 63)))  # for dropout
        rows = self.batch(batch).to(self.device)
        prompted = torch.from_numpy(rng.random(len(rows)) < 0.5).to(self.device)
        return {"loss": self.loss(self.examples, rows, prompted, rng)}

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": self.net.parameters(), "share": 1.0}]

    def validate(self, held_out: StructureTypes) -> dict[str, Tensor]:
        """Return the loss of held-out crystals, every other one with its composition given, with the same noise."""
        held_out.to(self.device)
        rows = torch.arange(len(held_out.space_group), device=self.device)
        return {"loss": self.loss(held_out, rows, rows % 2 == 0, np.random.default_rng(0))}

    def draw(self, path: Path, _: object) -> None:
        """Draw the first crystals of the library with the run's seed."""
        from ..report.crystal_picture import draw_crystals

        conditions: dict[str, list[float]] = {}
        noise = latents(self.info.seed, 0, PICTURED, self.net.noise_dim)
        drawn = crystals_of(self.net.draw(noise, conditions, self.net.plan(conditions)))
        draw_crystals([crystal for crystal in drawn if crystal is not None], path)

    def describe(self, step: int, seconds: float, decay_ends: int) -> GeneratorInfo:
        return replace(self.info, step=step, seconds=seconds, decay_ends=decay_ends)


def held_out_examples(known: KnownCrystals, most: int) -> list[StructureTypes]:
    """Return batches of crystals to validate on, `most` in all, with at most `MOST_FINISHED` atoms each."""
    rows = torch.where(known.counts.sum(1) <= MOST_FINISHED)[0]
    rows = rows[torch.from_numpy(np.random.default_rng(0).permutation(len(rows))[:most])]
    rows = rows[known.counts[rows].sum(1).argsort(stable=True)]
    return [as_examples(select(known, part)) for part in rows.split(HELD_OUT_AT_ONCE) if len(part)]
