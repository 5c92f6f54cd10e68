"""A generator that has learned nothing and draws from a few crystals that are known, for tests of the sampler."""

import warnings
from pathlib import Path

import moyopy
import numpy as np
import torch
from pymatgen.core import Lattice, Structure
from torch import Tensor, nn

from crystalgrid.artifacts.archive import add_json
from crystalgrid.artifacts.exported import script_network
from crystalgrid.nets.generators.crystal_draws import Draws

OLIVINE = {
    "Li": [[0, 0, 0]],
    "Fe": [[0.28222, 0.25, 0.97472]],
    "P": [[0.09482, 0.25, 0.4182]],
    "O": [[0.09678, 0.25, 0.74279], [0.4571, 0.25, 0.20602], [0.16558, 0.04646, 0.28478]],
}
BADDELEYITE = {"Zr": [[0.276, 0.041, 0.208]], "O": [[0.07, 0.33, 0.345], [0.45, 0.757, 0.479]]}


def structures() -> list[Structure]:
    """Return crystals of all kinds of cells: centred, hexagonal, rhombohedral, monoclinic, triclinic; one is broken."""
    in_groups = [
        ("Fm-3m", Lattice.cubic(5.64), {"Na": [[0, 0, 0]], "Cl": [[0.5, 0.5, 0.5]]}),
        ("Pm-3m", Lattice.cubic(3.9), {"Sr": [[0, 0, 0]], "Ti": [[0.5, 0.5, 0.5]], "O": [[0.5, 0.5, 0]]}),
        ("P6_3mc", Lattice.hexagonal(3.25, 5.2), {"Zn": [[1 / 3, 2 / 3, 0]], "O": [[1 / 3, 2 / 3, 0.382]]}),
        ("P6_3/mmc", Lattice.hexagonal(3.2, 5.2), {"Mg": [[1 / 3, 2 / 3, 0.25]]}),
        ("Im-3m", Lattice.cubic(3.6), {"Mg": [[0, 0, 0]]}),
        ("R-3c", Lattice.hexagonal(4.76, 12.99), {"Al": [[0, 0, 0.3523]], "O": [[0.3064, 0, 0.25]]}),
        ("P4_2/mnm", Lattice.tetragonal(4.59, 2.96), {"Ti": [[0, 0, 0]], "O": [[0.305, 0.305, 0]]}),
        ("Pnma", Lattice.orthorhombic(10.33, 6.01, 4.69), OLIVINE),
        ("P2_1/c", Lattice.monoclinic(5.1, 5.2, 5.3, 99.2), BADDELEYITE),
        ("Fd-3m", Lattice.cubic(8.08), {"Mg": [[0, 0, 0]], "Al": [[0.625] * 3], "O": [[0.387] * 3]}),
    ]
    made = []
    for symbol, lattice, orbits in in_groups:
        elements = [element for element, places in orbits.items() for _ in places]
        made.append(Structure.from_spacegroup(symbol, lattice, elements, [x for xs in orbits.values() for x in xs]))
    hydride = [[0, 0, 0], [0.5, 0.45, 0.4], [0.61, 0.3, 0.45], [0.4, 0.6, 0.31]]
    made.append(Structure(Lattice.from_parameters(4, 5, 6, 81, 97, 105), ["K", "B", "H", "H"], hydride))
    made.append(Structure(Lattice.cubic(3), ["O", "O"], [[0, 0, 0], [0.1, 0, 0]]))
    return made


def arrays_of(structure: Structure) -> dict[str, np.ndarray]:
    """Return the arrays of the contract for one crystal, in the standard setting that moyopy finds."""
    cell = moyopy.Cell(
        structure.lattice.matrix.tolist(), structure.frac_coords.tolist(), list(structure.atomic_numbers)
    )
    setting = moyopy.Setting.standard()
    std = moyopy.MoyoDataset(cell, symprec=1e-4, setting=setting).std_cell
    dataset = moyopy.MoyoDataset(std, symprec=1e-4, setting=setting)
    conventional, primitive = dataset.std_cell, dataset.prim_std_cell
    again = moyopy.MoyoDataset(conventional, symprec=1e-4, setting=setting)
    _, first, counts = np.unique(again.orbits, return_index=True, return_counts=True)
    letters = [(ord(again.wyckoffs[i]) - ord("a")) for i in first]
    return {
        "space_group": np.array(dataset.number),
        "lattice": np.array(conventional.basis),
        "letters": np.array(letters),
        "multiplicities": counts,
        "orbit_numbers": np.array(conventional.numbers)[first],
        "orbit_coords": np.array(conventional.positions)[first],
        "primitive_lattice": np.array(primitive.basis),
        "numbers": np.array(primitive.numbers),
        "frac_coords": np.array(primitive.positions),
    }


def operations_of(group: int) -> Tensor:
    """Return rotations and translations of the conventional cell, [M, 3, 4]."""
    operations = moyopy.operations_from_number(group, setting=moyopy.Setting.standard())
    rotations, translations = np.array(operations.rotations), np.array(operations.translations)
    return torch.from_numpy(np.concatenate([rotations, translations[:, :, None]], axis=2))


def same(numbers: Tensor, wanted: list[float]) -> bool:
    """Return whether two lists of numbers are the same."""
    other = torch.tensor(wanted, dtype=torch.float64)
    return numbers.shape == other.shape and bool((numbers == other).all())


class FakeGenerator(nn.Module):
    """Draws one of its crystals by the first number of the noise, and stretches the cell by the second.

    Every crystal whose atoms are too many or too few is drawn all the same, and then has no atoms. `formula`,
    `space_groups` and `elements` are met by choosing.
    """

    noise_dim: int

    def __init__(self) -> None:
        super().__init__()
        self.noise_dim = 4
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = [arrays_of(structure) for structure in structures()]
        for name in rows[0]:
            dtype = torch.float64 if rows[0][name].dtype.kind == "f" else torch.int64
            setattr(self, name, [torch.as_tensor(row[name], dtype=dtype) for row in rows])
        groups = sorted({int(row["space_group"]) for row in rows})
        self.table = {group: operations_of(group) for group in groups}
        self.space_group: list[Tensor]
        self.lattice: list[Tensor]
        self.letters: list[Tensor]
        self.multiplicities: list[Tensor]
        self.orbit_numbers: list[Tensor]
        self.orbit_coords: list[Tensor]
        self.primitive_lattice: list[Tensor]
        self.numbers: list[Tensor]
        self.frac_coords: list[Tensor]
        self.table: dict[int, Tensor]

    def meets(self, crystal: int, conditions: dict[str, list[float]]) -> bool:
        """Return whether a crystal may be chosen."""
        numbers, counts = torch.unique(self.numbers[crystal], return_counts=True)
        if "space_groups" in conditions and float(self.space_group[crystal]) not in conditions["space_groups"]:
            return False
        if "elements" in conditions and not same(numbers, conditions["elements"]):
            return False
        if "formula" in conditions:
            pairs = torch.stack([numbers, counts // counts.min()], dim=1).flatten()
            if not same(pairs, conditions["formula"]):
                return False
        return True

    @torch.jit.export
    def problem(self, conditions: dict[str, list[float]]) -> str:
        if self.plan(conditions).shape[0] == 0:
            return "no crystal meets the conditions; NaCl comes nearest\nand more"
        return ""

    @torch.jit.export
    def plan(self, conditions: dict[str, list[float]]) -> Tensor:
        chosen: list[int] = []
        for crystal in range(len(self.numbers)):
            if self.meets(crystal, conditions):
                chosen.append(crystal)
        return torch.tensor(chosen, dtype=torch.int64)

    @torch.jit.export
    def operations(self, space_group: int) -> Tensor:
        return self.table[space_group]

    @torch.jit.export
    def draw(self, noise: Tensor, conditions: dict[str, list[float]], plan: Tensor) -> Draws:
        low, high = 0.0, 1e9
        if "atoms" in conditions:
            low, high = conditions["atoms"][0], conditions["atoms"][1]
        uniform = torch.special.ndtr(noise.double())
        chosen = plan[(uniform[:, 0] * plan.shape[0]).long()]
        sizes = torch.tensor([len(self.numbers[int(crystal)]) for crystal in chosen])
        met = (sizes >= low) & (sizes <= high)
        return self.made(chosen, met, 1 + 0.02 * uniform[:, 1], -100 * uniform[:, 2], uniform[:, 2] < 0.5)

    @torch.jit.export
    def likeliest(self, count: int, conditions: dict[str, list[float]], plan: Tensor) -> Draws:
        """Return the candidates of a formula as they are, the last of them first; then crystals without atoms."""
        met = torch.arange(count) < plan.shape[0]
        chosen = plan.flip(0)[torch.where(met, torch.arange(count), 0)]
        ones = torch.ones(count, dtype=torch.float64)
        return self.made(chosen, met, ones, -torch.arange(count, dtype=torch.float64), met)

    def made(self, chosen: Tensor, met: Tensor, stretch: Tensor, log_likelihood: Tensor, known: Tensor) -> Draws:
        """Return crystals by their numbers, their cells stretched, without atoms where conditions are not met."""
        groups: list[Tensor] = []
        lattices: list[Tensor] = []
        primitives: list[Tensor] = []
        letters: list[Tensor] = [torch.zeros(0, dtype=torch.int64)]
        multiplicities: list[Tensor] = [torch.zeros(0, dtype=torch.int64)]
        orbit_numbers: list[Tensor] = [torch.zeros(0, dtype=torch.int64)]
        orbit_coords: list[Tensor] = [torch.zeros(0, 3, dtype=torch.float64)]
        numbers: list[Tensor] = [torch.zeros(0, dtype=torch.int64)]
        frac_coords: list[Tensor] = [torch.zeros(0, 3, dtype=torch.float64)]
        orbit_offsets, atom_offsets = [0], [0]
        for b in range(chosen.shape[0]):
            crystal = int(chosen[b])
            groups.append(self.space_group[crystal])
            lattices.append(stretch[b] * self.lattice[crystal])
            primitives.append(stretch[b] * self.primitive_lattice[crystal])
            if bool(met[b]):
                letters.append(self.letters[crystal])
                multiplicities.append(self.multiplicities[crystal])
                orbit_numbers.append(self.orbit_numbers[crystal])
                orbit_coords.append(self.orbit_coords[crystal])
                numbers.append(self.numbers[crystal])
                frac_coords.append(self.frac_coords[crystal])
            orbit_offsets.append(orbit_offsets[-1] + (len(self.letters[crystal]) if bool(met[b]) else 0))
            atom_offsets.append(atom_offsets[-1] + (len(self.numbers[crystal]) if bool(met[b]) else 0))
        return Draws(
            torch.stack(groups), torch.stack(lattices), torch.tensor(orbit_offsets), torch.cat(letters),
            torch.cat(multiplicities), torch.cat(orbit_numbers), torch.cat(orbit_coords), torch.stack(primitives),
            torch.tensor(atom_offsets), torch.cat(numbers), torch.cat(frac_coords), log_likelihood,
            torch.where(known, chosen, -1), torch.where(chosen == 0, chosen, -1), chosen < 3,
        )  # fmt: skip


TRAINING_IDS = ["mp-22862", "mp-5229"]


def write_fake_generator(path: Path, **changes: object) -> Path:
    """Write an artifact of it; `changes` replace or join the JSON of its metadata."""
    path.write_bytes(script_network(FakeGenerator().eval()))
    content = {"format": 1, "kind": "generator", "identity": "f" * 64, "training_ids": TRAINING_IDS}
    add_json(path, {**content, **changes})
    return path
