"""Loading models: what works, and what is refused in one line."""

import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import crystalgrid as cg
from artifacts import Mirror, network_of, tiny_metadata, write_mirror, write_untrained_run
from crystalgrid import Crystal
from crystalgrid.artifacts.exported import script_network
from crystalgrid.model import Model
from zoo import ZOO, random_rotation


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mirror(tmp_path_factory.mktemp("model") / "model.pt")


def test_a_model_encodes_decodes_and_segments(mirror: Path) -> None:
    loaded = cg.load(mirror)
    z = torch.randn(3, 216, generator=torch.Generator().manual_seed(0))
    density = loaded.decode(z)
    assert density.shape == (3, 6, 6, 6)
    mu, logvar = loaded.encode(density)
    assert torch.equal(mu, z)
    assert logvar.shape == z.shape
    species, confidence = loaded.segment(density)
    assert species.dtype == torch.uint8
    assert species.shape == confidence.shape == density.shape


@pytest.mark.parametrize("count", [0, 1, 64, 130])
def test_any_number_of_densities_is_encoded(mirror: Path, count: int) -> None:
    density = torch.rand(count, 6, 6, 6, generator=torch.Generator().manual_seed(0))
    mu, logvar = cg.load(mirror).encode(density)
    assert torch.equal(mu, density.flatten(1))
    assert torch.equal(logvar, -mu)


@pytest.mark.parametrize("kind", ["mirror", "lattice", "atoms"])
def test_nothing_gives_nothing(kind: str, mirror: Path) -> None:
    metadata = tiny_metadata(prior={})
    generator = {"widths": (32, 32), "atoms": 2}
    model = cg.load(mirror) if kind == "mirror" else Model(network_of(kind, generator=generator), metadata)
    z = torch.zeros(0, model.latent_dim)
    density = model.decode(model.prior(z))
    assert density.shape == (0, *3 * (model.grid.n,))
    for seen in model.encode(density):
        assert seen.shape == z.shape
    for seen in model.segment(density):
        assert seen.shape == density.shape


def test_a_model_says_what_it_is(mirror: Path) -> None:
    loaded = cg.load(str(mirror))
    assert (loaded.mode, loaded.grid, loaded.latent_dim) == ("repeated", cg.Grid(n=6, length=2.0), 216)
    assert loaded.metadata.units == {"density": "1/Å^3", "length": "Å"}
    assert loaded.to("cpu") is loaded


def test_gradients_reach_latents_and_nothing_else(mirror: Path) -> None:
    loaded = cg.load(mirror)
    assert not loaded.decode(torch.zeros(1, 216)).requires_grad
    z = torch.ones(1, 216, requires_grad=True)
    loaded.decode(z).square().sum().backward()
    assert torch.equal(z.grad, torch.full((1, 216), 2.0))


@pytest.mark.parametrize(
    ("method", "tensor"),
    [
        ("decode", torch.zeros(2, 300)),
        ("decode", torch.zeros(216)),
        ("decode", torch.zeros(2, 216, dtype=torch.float64)),
        ("encode", torch.zeros(2, 6, 6, 5)),
        ("segment", torch.zeros(6, 6, 6)),
        ("segment", torch.zeros(2, 6, 6, 6, dtype=torch.uint8)),
    ],
)
def test_tensors_of_another_shape_or_kind_are_refused(mirror: Path, method: str, tensor: torch.Tensor) -> None:
    with pytest.raises(cg.InputError, match=r"wanted float32 \[B, .*\], got"):
        getattr(cg.load(mirror), method)(tensor)


@pytest.mark.parametrize(
    ("method", "value", "message"),
    [
        ("decode", [1.0], "z: wanted a tensor, got list"),
        ("decode", torch.full((1, 216), torch.nan), "z: wanted finite values, got NaN"),
        ("segment", torch.full((2, 6, 6, 6), torch.inf), "density: wanted finite values, got NaN or infinity"),
    ],
)
def test_what_is_no_density_or_latent_is_refused(mirror: Path, method: str, value: object, message: str) -> None:
    with pytest.raises(cg.InputError, match=message):
        getattr(cg.load(mirror), method)(value)


def test_a_source_that_is_no_path_is_refused() -> None:
    with pytest.raises(cg.InputError, match="model: wanted a path, got 3"):
        cg.load(3)


def test_a_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(cg.InputError, match=r"absent\.pt: no such file"):
        cg.load(tmp_path / "absent.pt")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(mirror: Path, tmp_path: Path, share: float) -> None:
    content = mirror.read_bytes()
    (tmp_path / "model.pt").write_bytes(content[: int(share * len(content))])
    with pytest.raises(cg.InputError, match=r"model\.pt: not a crystalgrid model, or damaged"):
        cg.load(tmp_path / "model.pt")


def test_one_altered_byte_in_any_record_is_refused(mirror: Path, tmp_path: Path) -> None:
    content = mirror.read_bytes()
    with zipfile.ZipFile(mirror) as archive:
        records = [info for info in archive.infolist() if info.file_size]
    for info in records:
        name_size, extra_size = (int.from_bytes(content[info.header_offset + i :][:2], "little") for i in (26, 28))
        altered = bytearray(content)
        altered[info.header_offset + 30 + name_size + extra_size + info.compress_size // 2] ^= 1
        (tmp_path / "model.pt").write_bytes(altered)
        with pytest.raises(cg.InputError, match=r"model\.pt: .*damaged"):
            cg.load(tmp_path / "model.pt")


def test_weights_swapped_by_an_archiver_are_refused(mirror: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(mirror) as old, zipfile.ZipFile(tmp_path / "model.pt", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content[::-1] if name.endswith("data/0") else content)
    with pytest.raises(cg.InputError, match="its checksum does not match"):
        cg.load(tmp_path / "model.pt")


def test_files_that_are_not_ours_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(script_network(Mirror(1.5)))
    with pytest.raises(cg.InputError, match="not a model that crystalgrid-export wrote"):
        cg.load(path)
    torch.save({"state_dict": {}}, path)
    with pytest.raises(cg.InputError, match="not a model that crystalgrid-export wrote"):
        cg.load(path)
    path.write_text("not even an archive")
    with pytest.raises(cg.InputError, match=r"model\.pt: not a crystalgrid model"):
        cg.load(path)


@pytest.mark.parametrize("version", [2, "1", None])
def test_another_format_is_refused_and_the_known_one_named(tmp_path: Path, version: object) -> None:
    path = write_mirror(tmp_path / "model.pt", format=version)
    with pytest.raises(cg.InputError, match=rf"artifact format {version!r}; .* knows format 1"):
        cg.load(path)


def test_densities_of_another_grid_are_warned_of(tmp_path: Path) -> None:
    write_untrained_run(tmp_path / "run")
    model = cg.load(tmp_path / "run")
    crystals = list(ZOO.values())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for crystal in crystals:
            model.encode(cg.voxelize(crystal))
        model.encode(torch.zeros(2, 30, 30, 30))
    with pytest.warns(
        UserWarning, match="density: has peaks that are sharper than atoms on the model's grid"
    ) as caught:
        model.encode(cg.voxelize(crystals, cg.Grid(sigma=0.5)))
    assert "\n" not in str(caught[0].message)


def test_crystals_of_all_kinds_are_encoded(mirror: Path) -> None:
    model = cg.load(mirror)
    crystal = ZOO["cubic"]
    shifted = Crystal(
        crystal.lattice @ random_rotation(np.random.default_rng(0)), crystal.frac_coords + 0.3, crystal.numbers
    )
    z = model.encode([crystal, shifted, crystal.to_pymatgen(), crystal.to_ase()])[0]
    assert z.shape == (4, 216)
    assert z[0].std() > 0.01 * z[0].mean() > 0
    torch.testing.assert_close(z, z[:1].expand(4, -1), rtol=1e-4, atol=1e-4 * float(z.max()))
    assert torch.equal(model.encode(crystal.to_ase())[0], z[3:])
    assert torch.equal(model.encode(model.voxelize(crystal))[0], z[:1])
    with pytest.raises(cg.InputError, match="crystals: wanted a Crystal, pymatgen Structure or ASE Atoms, got str"):
        model.encode(["NaCl"])
