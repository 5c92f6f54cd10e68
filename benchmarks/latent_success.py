"""CDVAE's test of optimising a property, on Perov-5: the share of starts that lead to the lowest few percent.

    crystalgrid train --recipe latent --start mp10a-latent --data perov_5.parquet --minutes 18 --out perov
    python benchmarks/latent_success.py perov --n 100

Perov-5 is packed without its energies, so that the property is the formation energy by CHGNet of crystals as they
stand; elements are CHGNet's of `mp_10A`. `crystalgrid train --recipe property` learns it from some crystals of the
split train. Crystals of the split test are then moved to lower values, as by `crystalgrid optimise`, and decoded ten
times on the way, as CDVAE does. CHGNet judges what is decoded and valid by CDVAE's rules: success is an energy among
the lowest 5, 10 or 15 % of the training crystals that were learned from, by the best of all that one start leads to, as
CDVAE counts, or by the one that the prediction prefers. New is a composition that no crystal has that was learned from.

Beside it, as many crystals for each start: the same with elements allowed that the property was not learned from, which
`optimise` leaves out; training crystals at random; and the start with other elements of Perov-5
at random in place of its own, the cell scaled by atomic radii. A journal keeps finished energies, so that the same
command goes on after an interruption.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import torch
import tyro

from baselines import dressed
from crystalgrid.crystal import Crystal
from crystalgrid.data.columns import numbers_of
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import read_parquet, table_of, write_table
from crystalgrid.data.split import reduced_formulas
from crystalgrid.generation.described_crystals import canonical_units
from crystalgrid.generation.encoded_set import encode_set
from crystalgrid.generation.optimise import crystals_on_the_way
from crystalgrid.generation.property_model import WEIGHTS, PropertyModel, open_property
from crystalgrid.training.train_property import train_property
from crystalgrid.worth.hull_energies import as_they_stand
from crystalgrid.worth.references import load_hull
from crystalgrid.worth.shares import Share, share
from crystalgrid.worth.validity import is_lemat_valid, validity
from data_folder import DATA

COLUMN = "formation_energy_per_atom"
LOWEST = (5, 10, 15)
"""The percentiles of the training crystals' energies that count as success."""
LOOKS = 10
"""The number of crystals that each start leads to, CDVAE's."""
N_CHOOSE, N_JUDGE = 500, 300
"""The crystals of the splits val and test that get energies; the starts are the first of the latter."""


class Candidate(NamedTuple):
    """A crystal that a start led to, with its formation energy by prediction and by CHGNet."""

    start: str
    crystal: Crystal
    predicted: float
    energy: float = float("nan")


def formation_energies(crystals: CrystalSet, per_atom: np.ndarray) -> np.ndarray:
    """Return formation energies [B] in eV/atom from energies per atom by CHGNet; NaN where there is none."""
    hull = load_hull("chgnet")
    alone = (hull.counts > 0).sum(axis=1) == 1
    of_element = np.full(hull.counts.shape[1], np.nan)
    of_element[hull.counts[alone].argmax(axis=1)] = hull.energies[alone]
    n_atoms = np.diff(crystals.offsets)
    return per_atom - np.bincount(crystals.crystal_of_atom, of_element[crystals.numbers]) / n_atoms


def judged(candidates: list[Candidate], journal: Path, source: str) -> list[Candidate]:
    """Return candidates with their formation energies by CHGNet."""
    crystals = CrystalSet.from_crystals([c.crystal for c in candidates], map(str, range(len(candidates))))
    energies = formation_energies(crystals, as_they_stand(crystals, "chgnet", journal, source, 1))
    return [c._replace(energy=float(e)) for c, e in zip(candidates, energies, strict=True)]


def with_energies(data: Path, out: Path, n_learned: int, seed: int) -> None:
    """Write the crystals that learn, choose and judge, with their formation energies, in a random order by the seed."""
    crystals, rng = read_parquet(data).crystals, np.random.default_rng(seed)
    sizes = {"train": n_learned, "val": N_CHOOSE, "test": N_JUDGE}
    rows = [rng.permutation(np.flatnonzero(crystals.splits == name))[:size] for name, size in sizes.items()]
    crystals = crystals[np.concatenate(rows)]
    energies = formation_energies(
        crystals, as_they_stand(crystals, "chgnet", out.with_suffix(".jsonl"), f"{data.name}, seed {seed}", 1)
    )
    write_table(out, table_of(crystals, {COLUMN: pa.array(energies)}))


def predicted(model: PropertyModel, starts: list[str], crystals: list[Crystal]) -> list[Candidate]:
    """Return the crystals that can be encoded, with what is predicted for them."""
    units = canonical_units(crystals, model.latent.limits)[0]
    values = model.head(model.latent.encode_units(list(units.values()))[0]).tolist()
    return [Candidate(starts[i], crystals[i], value) for i, value in zip(units, values, strict=True)]


def moved(model: PropertyModel, ids: list[str], z: torch.Tensor) -> list[Candidate]:
    """Return what latent vectors decode to on their way to lower energies."""
    on_the_way = list(crystals_on_the_way(model, z, "lower", is_lemat_valid, LOOKS))
    return [Candidate(ids[i], found.crystal, found.predicted) for at in on_the_way for i, found in at.items()]


def redressed(crystal: Crystal, elements: np.ndarray, rng: np.random.Generator) -> Crystal:
    """Return a crystal with random elements in place of its own."""
    own = np.unique(crystal.numbers)
    return dressed(
        crystal, dict(zip(own.tolist(), rng.choice(elements, len(own), replace=False).tolist(), strict=True))
    )


def all_candidates(
    model: PropertyModel, learned: CrystalSet, starts: CrystalSet, seed: int
) -> Iterator[tuple[str, list[Candidate]]]:
    """Yield each way to find crystals of low energy, with what it finds."""
    encoded, rng = encode_set(model.latent, starts), np.random.default_rng(seed)
    ids = [str(starts.ids[row]) for row in encoded.rows]
    z = torch.from_numpy(encoded.z)
    yield "optimised", moved(model, ids, z)
    description = {name: value for name, value in model.description.items() if name != "elements"}
    yield "optimised, other elements allowed", moved(model._replace(description=description), ids, z)
    repeated = LOOKS * [str(id) for id in starts.ids]
    rows = rng.integers(len(learned), size=len(repeated))
    yield "training crystals at random", predicted(model, repeated, [learned[int(row)] for row in rows])
    elements = np.unique(learned.numbers)
    others = [redressed(crystal, elements, rng) for _ in range(LOOKS) for crystal in starts]
    yield "the start in random elements", predicted(model, repeated, others)


def lines(candidates: list[Candidate], limits: dict[int, float], n: int, learned: CrystalSet) -> Iterator[str]:
    """Yield the shares of n starts that lead to a crystal below each limit, in eV/atom by percentile."""
    verdicts = validity(CrystalSet.from_crystals([c.crystal for c in candidates]))
    valid = [c for c, v in zip(candidates, verdicts, strict=True) if v.cdvae_valid and np.isfinite(c.energy)]
    yield f"  {len(valid)} of {len(candidates)} are valid"
    yield from of_best("best by CHGNet", lowest_of_each(valid, "energy"), limits, n, learned)
    yield from of_best("best by prediction", lowest_of_each(valid, "predicted"), limits, n, learned)


def lowest_of_each(candidates: list[Candidate], key: Literal["energy", "predicted"]) -> list[Candidate]:
    """Return the lowest candidate of each start."""
    best: dict[str, Candidate] = {}
    for c in sorted(candidates, key=lambda c: getattr(c, key)):
        best.setdefault(c.start, c)
    return list(best.values())


def of_best(name: str, best: list[Candidate], limits: dict[int, float], n: int, learned: CrystalSet) -> Iterator[str]:
    """Yield what the best candidate of each start, of those that have any, is worth."""
    known = set(reduced_formulas(learned))
    formulas = reduced_formulas(CrystalSet.from_crystals([c.crystal for c in best]))
    for percent, limit in limits.items():
        yield f"  {name}: SR{percent} {Share(sum(c.energy <= limit for c in best), n)}"
    new, middle = sum(formula not in known for formula in formulas), np.median([c.energy for c in best])
    yield f"  {len(best)}, median {middle:.3f} eV/atom, new {new}, different compositions {len(set(formulas))}"


def latent_success(
    model: tyro.conf.Positional[str],
    data: Path = DATA / "perov_5.parquet",
    folder: Path = Path("latent_success"),
    n: int = 100,
    n_learned: int = 4000,
    seed: int = 0,
) -> None:
    """Measure how often crystals of low energy are found from crystals of the split test.

    Args:
        model: a run of `crystalgrid train --recipe latent` on these crystals.
        data: the file of crystals.
        folder: for energies, the property model and journals.
        n: the number of starts.
        n_learned: the number of crystals of the split train that get energies and are learned from.
        seed: of the choice of crystals, and of random ones.
    """
    began, table, run = time.monotonic(), folder / "energies.parquet", folder / "property"
    folder.mkdir(parents=True, exist_ok=True)
    if not table.exists():
        with_energies(data, table, n_learned, seed)
    if not (run / WEIGHTS).exists():
        train_property(out=run, data=str(table), start=model, column=COLUMN, seed=seed)
    crystals = read_parquet(table).crystals
    learned, starts = crystals.split("train"), crystals.split("test")[:n]
    energies = {
        name: numbers_of(table, COLUMN, [str(id) for id in part.ids])
        for name, part in {"learned": learned, "start": starts}.items()
    }
    limits = {percent: float(np.nanpercentile(energies["learned"], percent)) for percent in LOWEST}
    print("limits, eV/atom: " + ", ".join(f"{percent} % {limit:.3f}" for percent, limit in limits.items()))
    print("starts: " + ", ".join(f"{share(energies['start'] <= limit)}" for limit in limits.values()))
    for name, candidates in all_candidates(open_property(run), learned, starts, seed):
        journal = folder / f"{name.replace(' ', '_')}.jsonl"
        print(
            name, *lines(judged(candidates, journal, f"{model}, {n}, {seed}"), limits, n, learned), sep="\n", flush=True
        )
    print(f"{model}, seed {seed}, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    torch.set_num_threads(1)
    tyro.cli(latent_success)
