"""The export of a generator of crystals as one TorchScript file; `export/README.md` is the file's contract."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from .. import __version__
from ..crystal import Crystal
from ..errors import InputError
from ..files import replaced_note, written_whole
from ..generation.like import read_like
from ..latents import latents
from ..nets.generators.crystal_draws import Draws
from ..nets.generators.crystal_generator import CrystalGenerator
from ..nets.latent.crystal_latent import CrystalLatent
from .archive import add_metadata
from .exported import open_network, script_network
from .formulas import trained_formulas
from .generator_info import GeneratorInfo
from .identity import identity
from .metadata import Versions

COMPARED = 16
"""The number of crystals that are drawn to compare a file with its network, for each set of conditions."""
LARGEST_ERROR = 1e-4
"""The largest difference of coordinates, in Å or fractions of a cell, of an exported file."""


def export_generator(path: Path, network: CrystalGenerator, info: GeneratorInfo, out: Path) -> None:
    """Write a generator as one file, after checking that it draws the same crystals as the network."""
    if out.suffix != ".pt":
        raise InputError(f"{out}: wanted a name that ends in .pt, the form in which generators are exported")
    replaced = replaced_note(out)
    with written_whole(out) as temporary:
        temporary.write_bytes(script_network(network))
        error = largest_difference(network, open_network(temporary))
        print(f"reloaded file against eager: the same crystals, coordinates within {error:.1e}")
        metadata = replace(
            info.with_file_names(),
            versions=Versions(__version__, str(torch.__version__)),
            identity=identity(network, out.suffix),
            verified={"largest_difference": error, "crystals": COMPARED},
        )
        add_metadata(temporary, metadata, trained_formulas(path))
    print(f"{out}: written{replaced}")


@torch.inference_mode()
def largest_difference(eager: CrystalGenerator, reloaded: Any) -> float:
    """Return the largest difference of coordinates between crystals that both draw from the same noise.

    Raises InputError if whole numbers differ, such as elements or Wyckoff letters, or coordinates by too much.
    """
    largest = 0.0
    for conditions in conditions_to_compare(eager):
        noise = latents(0, 0, COMPARED, eager.noise_dim)
        expected = eager.draw(noise, conditions, eager.plan(conditions))
        with torch.jit.optimized_execution(False):  # as the sampler does; optimizing takes minutes
            actual = Draws(*reloaded.draw(noise, conditions, reloaded.plan(conditions)))
        for name, value in expected._asdict().items():
            other = getattr(actual, name)
            if value.shape != other.shape or (not value.is_floating_point() and not value.equal(other)):
                raise InputError(f"the exported generator draws other crystals ({name}); nothing was written")
            if value.is_floating_point() and value.numel():
                largest = max(largest, float((value - other).abs().max()))
    if not largest <= LARGEST_ERROR:
        raise InputError(f"the exported generator's coordinates differ by {largest:.1e}; nothing was written")
    return largest


def conditions_to_compare(network: CrystalGenerator) -> list[dict[str, list[float]]]:
    """Return conditions of each kind that a generator's first known crystal meets, which is no ordering.

    None, a formula, a space group, and nearness to a crystal of that formula. An autoencoder of crystals takes none.
    """
    if isinstance(network, CrystalLatent):
        return [{}]
    types = network.types
    row = int(torch.where(types.source >= 0)[0][0])
    units = [(int(z), int(n)) for z, n in zip(types.elements[row], types.counts[row], strict=True) if z > 0]
    formula = [float(number) for pair in units for number in pair]
    of_formula = {"formula": formula, "z": [1.0]}
    near = read_like(a_draw(network, of_formula), strength=0.3)
    return [{}, of_formula, {"space_groups": [float(types.space_group[row])]}, near]


def a_draw(network: CrystalGenerator, conditions: dict[str, list[float]]) -> Crystal:
    """Return a crystal that a generator draws; raise InputError if it draws none."""
    noise = latents(0, 0, COMPARED, network.noise_dim)
    draws = network.draw(noise, conditions, network.plan(conditions))
    for b, (first, last) in enumerate(pairwise(draws.atom_offsets.tolist())):
        if last > first:
            arrays = draws.primitive_lattice[b], draws.frac_coords[first:last], draws.numbers[first:last]
            return Crystal(*(array.numpy() for array in arrays))
    raise InputError("the generator draws none of its known crystals; nothing was written")
