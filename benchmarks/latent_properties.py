"""Properties from latent vectors: errors beside features of the composition, and crystals that were optimised.

    python benchmarks/latent_properties.py errors
    python benchmarks/latent_properties.py optimise --n 100 --relaxed 20

errors: formation energy and band gap of `mp_20_ternary`, learned from its split val, judged by those of its split test
that are in the split test of `mp_10A`, whose formulas neither the autoencoder nor the heads have seen. Beside the
heads: the mean of what was learned, a random forest on Magpie's features of the composition, and the same ridge
regression and perceptron on features of the composition itself.

optimise: the first n of a random order of those crystals are moved to a lower formation energy, with the head that is
best by the formulas of val that choose. A crystal counts if it is valid by LeMat-GenBench's rules, not one of
`mp_10A` or another of the n, and predicted lower than its start. Of the first so many that count, the formation energy
by CHGNet, relaxed, is compared with that of the start as it stands; elements are CHGNet's of `mp_10A`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
import tyro

from crystalgrid.crystal import Crystal
from crystalgrid.data.columns import numbers_of
from crystalgrid.data.composition_features import composition_features
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import read_parquet, write_parquet
from crystalgrid.generation.encoded_set import EncodedSet, encode_set
from crystalgrid.generation.open_generator import open_latent
from crystalgrid.generation.property_model import write_property
from crystalgrid.geometry.canonical_unit import CanonicalUnit
from crystalgrid.nets.property_head import PropertyHead
from crystalgrid.report.crystal_table import read_rows
from crystalgrid.report.latent.optimised_folder import write_optimised
from crystalgrid.training.composition_reading import readings
from crystalgrid.training.train_property import Splits, judged, split_rows
from crystalgrid.worth.coverage import composition_fingerprints
from crystalgrid.worth.references import load_hull
from crystalgrid.worth.relaxing import RelaxOptions, relax_crystal
from data_folder import DATA

COLUMNS = ("formation_energy_per_atom", "band_gap")
TREES = 100


class Labelled(NamedTuple):
    """The crystals of mp_20_ternary that can be encoded, and which of them learn, choose and judge."""

    crystals: CrystalSet
    encoded: EncodedSet
    splits: Splits
    values: dict[str, np.ndarray]

    def heads(self, model: str, column: str, seed: int) -> tuple[dict[str, PropertyHead], dict[str, dict[str, float]]]:
        """Return the heads for a column by name, and their errors."""
        rows = self.splits["learned"]
        units: list[CanonicalUnit] = [self.encoded.units[row] for row in rows]
        examples = readings(open_latent(model), units, torch.from_numpy(self.encoded.z[rows]), seed)
        return judged(self.encoded.z, self.values[column], self.splits, seed, examples)


def labelled(model: str, workers: int, seed: int) -> Labelled:
    """Return the crystals with their properties, encoded."""
    path = DATA / "mp_20_ternary.parquet"
    crystals = read_parquet(path).crystals
    judges = set(read_parquet(DATA / "mp_10A.parquet").crystals.split("test").ids)
    encoded = encode_set(open_latent(model), crystals, workers)
    crystals = crystals[encoded.rows]
    splits = split_rows(crystals, seed, path.name)
    splits["test"] = np.array([row for row in splits["test"] if crystals.ids[row] in judges])
    ids = [str(id) for id in crystals.ids]
    return Labelled(crystals, encoded, splits, {column: numbers_of(path, column, ids) for column in COLUMNS})


def errors(data: Labelled, model: str, seed: int) -> Iterator[str]:
    """Yield the mean absolute errors of each column."""
    learned, chosen_by, test = (data.splits[name] for name in ("learned", "chosen_by", "test"))
    magpie = composition_fingerprints(data.crystals)
    yield f"learned from {len(learned):,}, chosen by {len(chosen_by):,}, judged by {len(test):,}"
    for column, values in data.values.items():
        _, by_head = data.heads(model, column, seed)
        _, by_composition = judged(composition_features(data.crystals), values, data.splits, seed)
        best = min(by_head, key=lambda name: by_head[name]["chosen_by"])
        rows = np.concatenate((learned, chosen_by))  # nothing of a forest has to be chosen
        error = {
            "mean": float(np.abs(values[test] - values[learned].mean()).mean()),
            "Magpie, random forest": forest(magpie[rows], values[rows], magpie[test], values[test], seed),
            **{f"composition, {name}": error["test"] for name, error in by_composition.items()},
            **{f"z, {name}{' (chosen)' if name == best else ''}": error["test"] for name, error in by_head.items()},
        }
        yield f"{column}: " + ", ".join(f"{name} {value:.4f}" for name, value in error.items())


def forest(x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray, seed: int) -> float:
    """Return the mean absolute error of a random forest."""
    from sklearn.ensemble import RandomForestRegressor

    fitted = RandomForestRegressor(TREES, max_features=1 / 3, random_state=seed).fit(x, y)
    return float(np.abs(fitted.predict(x_test) - y_test).mean())


def optimised(data: Labelled, model: str, n: int, n_relaxed: int, seed: int, workers: int) -> Iterator[str]:
    """Yield what becomes of crystals whose formation energy is made lower."""
    heads, by_head = data.heads(model, COLUMNS[0], seed)
    best = min(by_head, key=lambda name: by_head[name]["chosen_by"])
    rows = np.random.default_rng(seed).permutation(data.splits["test"])[:n]
    start = data.crystals[rows]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        elements = np.unique(data.crystals[data.splits["learned"]].numbers).tolist()
        write_property(folder, heads[best], {"column": COLUMNS[0], "model": model, "elements": elements})
        write_parquet(folder / "start.parquet", start)
        out, known = folder / "out", DATA / "mp_10A.parquet"
        write_optimised(folder, out, "lower", folder / "start.parquet", n, known, seed, workers)
        header, *table = read_rows(out / "crystals.csv")
        results = [dict(zip(header, line, strict=True)) for line in table]
        found = read_parquet(out / "crystals.parquet").crystals
    counts = {name: sum(row[name] == "True" for row in results) for name in ("better", "valid", "new")}
    good = [row["id"] for row in results if all(row[name] == "True" for name in counts)]
    yield f"head {best}; of {n}: " + ", ".join(f"{name} {count}" for name, count in counts.items())
    yield f"valid, new and better by prediction: {len(good)} of {n}"
    before = {str(id): crystal for id, crystal in zip(start.ids, start, strict=True)}
    after = {str(id): crystal for id, crystal in zip(found.ids, found, strict=True)}
    drops = []
    for id in good[:n_relaxed]:
        drop = formation_energy(before[id], 0) - formation_energy(after[id], 200)
        drops.append(drop)
        print(f"{id}: {before[id].formula} to {after[id].formula}, {drop:.3f} eV/atom lower by CHGNet", flush=True)
    lower, failed = sum(drop > 0 for drop in drops), int(np.isnan(drops).sum())
    by = np.median([drop for drop in drops if np.isfinite(drop)] or [np.nan])
    yield f"lower by CHGNet after relaxing: {lower} of {len(drops)}, by {by:.3f} eV/atom in the median; {failed} failed"


def formation_energy(crystal: Crystal, steps: int) -> float:
    """Return the formation energy by CHGNet in eV/atom after so many steps of relaxing, NaN if none."""
    row = relax_crystal(crystal, RelaxOptions("chgnet", fmax=0.1, steps=steps))
    if row["relax_error"]:
        return float("nan")
    hull = load_hull("chgnet")
    alone = (hull.counts > 0).sum(1) == 1
    of_element = dict(zip(hull.counts[alone].argmax(1).tolist(), hull.energies[alone].tolist(), strict=True))
    return float(row["energy_per_atom"]) - float(np.mean([of_element[number] for number in crystal.numbers.tolist()]))


def properties(
    row: tyro.conf.Positional[Literal["errors", "optimise"]],
    model: str = "mp10a-latent",
    n: int = 100,
    relaxed: int = 20,
    seed: int = 0,
    workers: int = 2,
) -> None:
    """Measure errors of properties from latent vectors, or crystals that are optimised by them."""
    start = time.monotonic()
    data = labelled(model, workers, seed)
    lines = errors(data, model, seed) if row == "errors" else optimised(data, model, n, relaxed, seed, workers)
    for line in lines:
        print(line, flush=True)
    print(f"{row}, {model}, seed {seed}, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    torch.set_num_threads(1)
    tyro.cli(properties)
