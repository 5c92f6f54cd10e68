"""Autoencoders of crystals: what comes back, what z ignores, and what is near in it.

    python benchmarks/latent.py reconstruction --n 400
    python benchmarks/latent.py reconstruction --n 400 --split train --swaps
    python benchmarks/latent.py invariance --n 1000 --model run
    python benchmarks/latent.py moved --n 400
    python benchmarks/latent.py prior --n 1000
    python benchmarks/latent.py ways --n 200
    python benchmarks/latent.py neighbours --n 10000

Crystals are the first n, in a random order by the seed, of one split of mp_10A or of another file (`--data`).

reconstruction: a crystal is encoded and decoded; valid by CDVAE's distances, and matched by pymatgen's StructureMatcher
with CDVAE's tolerances; RMSE in units of (V/N)^(1/3) over the matched. invariance: a supercell, turned, shifted and in
another order of atoms; the distance of its z over the mean one of two crystals. moved: the same for atoms that moved at
random, 0.02 Å r.m.s., and whether the decoded crystal matches the one before. prior: z ~ N(0, 1), valid by
LeMat-GenBench's rules, unique. ways: nine crystals between two; valid; the largest step over the mean one (1 if all are
alike, 10 for one jump) and the length of all over the way straight ahead, medians of compositions and of CrystalNN's
fingerprints, beside nine random crystals between the same two. neighbours: the share of the ten nearest in z with the
same anonymised formula and space group, beside that for Magpie's fingerprints of compositions and, among the first
crystals, for CrystalNN's of structures. Properties are in latent_properties.py. A journal keeps finished crystals, so
that the same command goes on after an interruption.

A released model has learned from all of the split train, and the other splits are binary and ternary. With `--swaps`,
crystals of more elements are judged: those of train with one or two elements replaced by their neighbours in the
periodic table, if train does not have the formula. Their structure types were learned from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import tyro
from scipy.spatial.distance import cdist

from baselines import swap_draws
from crystalgrid.crystal import MAX_Z, Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import read_parquet
from crystalgrid.data.split import reduced_formulas
from crystalgrid.generation.encoded_set import encode_set
from crystalgrid.generation.latent_model import LatentModel
from crystalgrid.generation.open_generator import open_latent
from crystalgrid.latents import latents, line
from crystalgrid.worth.check import check
from crystalgrid.worth.coverage import Scale, composition_fingerprints, structure_fingerprint, structure_fingerprints
from crystalgrid.worth.journal import rows_of
from crystalgrid.worth.shares import Share, share
from crystalgrid.worth.validity import validity
from data_folder import DATA
from prediction import score

MOVED = 0.02
"""The root mean square distance that atoms are moved by, Å."""
STEPS, NEAREST = 9, 10
Row = dict[str, Any]


def back(model: LatentModel, crystal: Crystal, truth: Crystal) -> Row:
    """Return whether a crystal can be encoded, and the distance of the decoded one to the truth where they match."""
    mu, _, reasons = model.encode_some([crystal])
    if reasons:
        return {"encoded": False, "rmse": None}
    decoded = model.decode_crystals(mu)[0]
    return {"encoded": True, "rmse": None if decoded is None else score(truth, [decoded])[0]}


def another_description(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """Return the same crystal as a supercell, turned, shifted and with its atoms in another order."""
    axis = np.eye(3)[rng.integers(3)]
    doubled = np.concatenate([crystal.frac_coords, crystal.frac_coords + axis]) / (1 + axis)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(len(doubled))
    lattice = np.diag(1 + axis) @ crystal.lattice @ (rotation * np.linalg.det(rotation))
    return Crystal(lattice, (doubled + rng.random(3))[order], np.tile(crystal.numbers, 2)[order])


def moved(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """Return a crystal whose atoms moved at random."""
    steps = rng.normal(size=(len(crystal), 3)) * MOVED / np.sqrt(3)
    return Crystal(crystal.lattice, crystal.frac_coords + steps @ np.linalg.inv(crystal.lattice), crystal.numbers)


def reconstruction(model: LatentModel, crystals: CrystalSet, i: int, rng: np.random.Generator) -> Row:
    """Return how a crystal comes back."""
    return back(model, crystals[i], crystals[i])


def invariance(model: LatentModel, crystals: CrystalSet, i: int, rng: np.random.Generator) -> Row:
    """Return how far z is from itself in another description of a crystal."""
    return apart(model, crystals[i], another_description(crystals[i], rng))


def moved_a_little(model: LatentModel, crystals: CrystalSet, i: int, rng: np.random.Generator) -> Row:
    """Return how far z moves with the atoms, and whether the crystal before comes back."""
    other = moved(crystals[i], rng)
    return {**back(model, other, crystals[i]), **apart(model, crystals[i], other)}


def apart(model: LatentModel, first: Crystal, second: Crystal) -> Row:
    """Return the distance of two latent vectors, and the first of them."""
    mu, _, reasons = model.encode_some([first, second])
    return (
        {"distance": None, "z": None} if reasons else {"distance": float((mu[0] - mu[1]).norm()), "z": mu[0].tolist()}
    )


def ways(model: LatentModel, crystals: CrystalSet, i: int, rng: np.random.Generator) -> Row:
    """Return how many crystals are valid on the line from a crystal to another, and how they change along it."""
    other = (i + int(rng.integers(1, max(len(crystals), 2)))) % len(crystals)
    mu, _, reasons = model.encode_some([crystals[i], crystals[other]])
    decoded = [] if reasons else model.decode_crystals(line(mu[0], mu[1], STEPS))
    kept = CrystalSet.from_crystals([crystal for crystal in decoded if crystal is not None])
    between = {"decoded": list(kept), "random": [crystals[j] for j in rng.integers(len(crystals), size=STEPS)]}
    return {
        "encoded": not reasons,
        "valid": sum(verdict.lemat_valid for verdict in validity(kept, 1)),
        **({} if reasons else {k: changes([crystals[i], *v, crystals[other]]) for k, v in between.items()}),
    }


def changes(way: Sequence[Crystal]) -> dict[str, tuple[float, float] | None]:
    """Return `steps` of compositions, as shares of atoms by element, and of CrystalNN's fingerprints of structures."""
    shares = [np.bincount(crystal.numbers, minlength=MAX_Z + 1) / len(crystal) for crystal in way]
    structures = [structure_fingerprint(crystal) for crystal in way]
    return {"composition": steps(shares), "structure": steps([found for found in structures if found is not None])}


def steps(points: Sequence[Any]) -> tuple[float, float] | None:
    """Return the largest step through points over the mean one, and the length of all over the way straight ahead.

    None if the last point is the first, or there are none.
    """
    if not points:
        return None
    lengths, ahead = np.linalg.norm(np.diff(points, axis=0), axis=1), np.linalg.norm(np.subtract(points[-1], points[0]))
    return (float(lengths.max() / lengths.mean()), float(lengths.sum() / ahead)) if ahead > 0 else None


def prior(model: LatentModel, n: int, seed: int) -> Iterator[str]:
    """Yield the shares of draws of N(0, 1) that are valid and unique."""
    decoded = model.decode_crystals(latents(seed, 0, n, model.latent_dim))
    rows = check([crystal for crystal in decoded if crystal is not None])
    yield f"valid {Share(sum(row.lemat_valid for row in rows), n)}"
    yield f"unique {Share(sum(not row.same_as for row in rows), n)}"


def neighbours(model: LatentModel, crystals: CrystalSet, n_structures: int) -> Iterator[str]:
    """Yield the share of nearest neighbours of the same kind, in z and by fingerprints.

    Those of structures are slow, so that the first `n_structures` crystals alone are compared by all three.
    """
    encoded = encode_set(model, crystals)
    kept = crystals[encoded.rows]
    kinds = np.array([f"{anonymised(c)} {unit.space_group}" for c, unit in zip(kept, encoded.units, strict=True)])
    compositions = composition_fingerprints(kept)
    yield nearest_kinds("z", encoded.z, kinds)
    yield nearest_kinds("Magpie", Scale(compositions)(compositions), kinds)
    structures = structure_fingerprints(kept[:n_structures], 1)
    found = [i for i, fingerprint in enumerate(structures) if fingerprint is not None]
    if found:
        by_structure = np.array([structures[i] for i in found])
        yield nearest_kinds("z", encoded.z[found], kinds[found])
        yield nearest_kinds("Magpie", Scale(compositions[found])(compositions[found]), kinds[found])
        yield nearest_kinds("CrystalNN", by_structure, kinds[found])


def nearest_kinds(name: str, vectors: np.ndarray, kinds: np.ndarray) -> str:
    """Return the line for vectors [B, L] of crystals of some kinds [B]."""
    same = []
    for i in range(len(vectors)):
        distances = cdist(vectors[i : i + 1], vectors)[0]
        distances[i] = np.inf
        same.append(np.mean(kinds[np.argsort(distances, kind="stable")[:NEAREST]] == kinds[i]))
    return f"{name}: {100 * np.mean(same):.1f} % of the {NEAREST} nearest of {len(vectors):,} have its kind"


def shuffled(n: int, seed: int) -> np.ndarray:
    """Return the numbers from 0 to n - 1 in a random order."""
    return np.random.default_rng(seed).permutation(n)


def swapped(crystals: CrystalSet, n: int, seed: int) -> CrystalSet:
    """Return n crystals with one or two elements replaced, of reduced formulas that the crystals do not have."""
    known = set(reduced_formulas(crystals))
    made = CrystalSet.from_crystals(swap_draws(crystals, 2 * n, seed))
    unseen = [i for i, formula in enumerate(reduced_formulas(made)) if formula not in known]
    return made[unseen[:n]]


def anonymised(crystal: Crystal) -> str:
    """Return the numbers of atoms of each element over their greatest common divisor, ascending."""
    counts = np.unique(crystal.numbers, return_counts=True)[1]
    return "-".join(map(str, sorted(counts // np.gcd.reduce(counts))))


PER_CRYSTAL: dict[str, Callable[[LatentModel, CrystalSet, int, np.random.Generator], Row]] = {
    "reconstruction": reconstruction, "invariance": invariance, "moved": moved_a_little, "ways": ways,
}  # fmt: skip


def summary(name: str, rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of a row of the table."""
    if name in ("reconstruction", "moved"):
        matched = [row["rmse"] for row in rows if row["rmse"] is not None]
        yield f"encoded {share(row['encoded'] for row in rows)}"
        yield f"matched {Share(len(matched), len(rows))}"
        yield f"RMSE mean {np.mean(matched or [np.nan]):.4f}, median {np.median(matched or [np.nan]):.4f}"
    if name in ("invariance", "moved"):
        z = np.array([row["z"] for row in rows if row["z"] is not None])
        between = np.linalg.norm(z - np.roll(z, 1, axis=0), axis=1).mean()
        ratios = np.array([row["distance"] for row in rows if row["distance"] is not None]) / between
        yield f"distance over that of two crystals: median {np.median(ratios):.2e}, worst {ratios.max():.2e}"
    if name == "ways":
        encoded = [row for row in rows if row["encoded"]]
        yield f"valid {Share(sum(row['valid'] for row in encoded), STEPS * len(encoded))} on {len(encoded)} ways"
        for points in ("decoded", "random"):
            for what in ("composition", "structure"):
                largest, length = np.median([row[points][what] for row in encoded if row[points][what]], axis=0)
                yield f"{what}, {points}: largest step {largest:.1f} mean ones, length {length:.1f} of the straight way"


def latent(
    row: tyro.conf.Positional[Literal["reconstruction", "invariance", "moved", "prior", "ways", "neighbours"]],
    model: str = "mp10a-latent",
    data: Path = DATA / "mp_10A.parquet",
    split: str = "test",
    n: int = 100,
    seed: int = 0,
    swaps: bool = False,
    structures: int = 300,
    journal: Path | None = None,
) -> None:
    """Measure one row of the table of an autoencoder of crystals.

    Args:
        row: the row.
        model: a released model, a training run, or an exported model.pt.
        data: the file of crystals.
        split: of the file.
        n: the number of crystals, draws or ways.
        seed: of the choice of crystals, and of draws.
        swaps: judge crystals of the split with one or two elements replaced.
        structures: the number of crystals of which `neighbours` has fingerprints of structures.
        journal: the file of finished crystals.
    """
    start, loaded = time.monotonic(), open_latent(model)
    if row == "prior":
        lines = list(prior(loaded, n, seed))
    else:
        crystals = read_parquet(data).crystals.split(split)
        crystals = swapped(crystals, n, seed) if swaps else crystals[shuffled(len(crystals), seed)[:n]]
        if row == "neighbours":
            lines = list(neighbours(loaded, crystals, structures))
        else:
            settings = {
                "row": row,
                "model": model,
                "data": data.name,
                "split": split,
                "n": n,
                "seed": seed,
                "swaps": swaps,
            }
            path = journal or Path(f"latent-{row}.jsonl")
            index = {str(id): i for i, id in enumerate(crystals.ids)}

            def make(ids: Sequence[str]) -> Iterator[Row]:
                for i in (index[id] for id in ids):
                    yield PER_CRYSTAL[row](loaded, crystals, i, np.random.default_rng([seed, i]))

            lines = list(summary(row, list(rows_of(path, settings, index, make, row).values())))
    print(f"{row}, {model}, {data.name} {split}, seed {seed}, {time.monotonic() - start:.0f} s", *lines, sep="\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    tyro.cli(latent)
