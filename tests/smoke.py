"""The smoke test of an installed wheel: a crystal through the ring, and what else travels with the package.

`cibuildwheel` runs it for every wheel, without pytest and without any extra.
"""

from pathlib import Path

import numpy as np
import torch

import crystalgrid as cg
from crystalgrid.data.load import load_crystals
from crystalgrid.files import shipped

PACKAGE = Path(cg.__file__).parent
MODELS = ("mp10a-repeated", "mp10a-single", "perov5-repeated", "perov5-single")


def main() -> None:
    """Raise an error where the installed package does not work."""
    salt = cg.Crystal(3.99 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5]], [55, 17])
    density, species = cg.voxelize([salt]), cg.label_species([salt])
    (found,) = cg.recover(cg.find_atoms(species, density), density)
    assert found is not None
    assert len(found.crystal) == 2, found.crystal

    assert len(load_crystals("prototypes", mode="repeated", grid=cg.Grid())) > 100
    for name in MODELS:
        model = cg.load(name)
        with torch.no_grad():
            species, _ = model.segment(model.decode(torch.zeros(1, model.latent_dim)))
        assert species.shape == (1, 30, 30, 30)

    assert [crystal.formula for crystal in cg.generate(2, formula="NaCl", atoms=2)] == ["NaCl", "NaCl"]

    for file in ("py.typed", "_core.pyi"):
        assert (PACKAGE / file).is_file(), file
    for folder, file in {"models": "recipes/modern.toml", "export": "CMakeLists.txt", "cpp": "CMakeLists.txt"}.items():
        assert (shipped(folder) / file).is_file(), f"{folder}/{file}"
    print(f"crystalgrid {cg.__version__} at {PACKAGE}: works")


if __name__ == "__main__":
    main()
