"""Fixtures that several test files share: devices, seeds, crystals, and what is made once per test run."""

import os
import random
from collections.abc import Callable
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # each worker, and each process it starts, has one core
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from filelock import FileLock

from artifacts import write_mirror, write_tiny
from crystalgrid import _core
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import write_parquet
from small_crystal_generator import train_small_latent

DATA = Path(os.environ.get("CRYSTALGRID_DATA") or Path(__file__).parents[2] / "shared" / "data")
"""Folder of the crystals that are not in the repository; CONTRIBUTING.md says which files it holds."""


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Seed every global generator before each test, so that no test depends on those before it."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)


def need_gpu() -> None:
    """Skip the running test where there is no GPU, or no kernel for one."""
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    if _core.cuda is None:
        pytest.skip("crystalgrid was built without CUDA")


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    """Run one test body on two devices."""
    if request.param == "cuda":
        need_gpu()
    return request.param


@pytest.fixture
def gpu() -> str:
    """Return the name of the GPU for a test that compares it with the CPU."""
    need_gpu()
    return "cuda"


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the GPU from this process and those it starts, for tests of what is exact on a CPU alone."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Return `made_once(name, make)`: the folder `name`, filled by `make(folder)` once per run for all workers.

    The worker that asks first makes the folder; the others wait for it at a file lock.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def made_once(name: str, make: Callable[[Path], object]) -> Path:
        folder, marker = root / "once" / name, root / "once" / f"{name}.made"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not marker.exists():
                make(folder)
                marker.touch()
        return folder

    return made_once


@pytest.fixture(scope="session")
def prototypes() -> CrystalSet:
    """Return the prototypes that come with the package."""
    from crystalgrid.data.load import load_crystals

    return load_crystals("prototypes")


@pytest.fixture(scope="session")
def crystals(tmp_path_factory: pytest.TempPathFactory, prototypes: CrystalSet) -> Path:
    """Return a file of about 24 prototypes, with all three splits."""
    every_nth = prototypes[:: max(1, len(prototypes) // 24)]
    path = tmp_path_factory.mktemp("data") / "few.parquet"
    splits = ["val" if i % 8 == 0 else "test" if i % 8 == 1 else "train" for i in range(len(every_nth))]
    write_parquet(path, every_nth.with_splits(np.array(splits)))
    return path


@pytest.fixture(scope="session")
def recipe() -> Path:
    """Return the recipe of networks so small that a training step takes a moment."""
    return Path(__file__).with_name("small.toml")


@pytest.fixture(scope="session")
def data_file() -> Callable[[str], Path]:
    """Return `data_file(name)`: the path of a file of crystals that is not in the repository, or a skip."""

    def data_file(name: str) -> Path:
        if not (DATA / name).exists():
            pytest.skip(f"CRYSTALGRID_DATA has no {name}")
        return DATA / name

    return data_file


@pytest.fixture(scope="session")
def real_crystals(data_file: Callable[[str], Path]) -> CrystalSet:
    """Return the crystals of the Materials Project with sides below 10 Å."""
    from crystalgrid.data.load import load_crystals

    return load_crystals(str(data_file("mp_10A.parquet")))


@pytest.fixture(scope="session")
def sampler_cache(pytestconfig: pytest.Config) -> Path:
    """Return the cache folder that keeps the built sampler between test runs, shared by all workers."""
    return pytestconfig.cache.mkdir("sampler")


@pytest.fixture(scope="session")
def sampler(sampler_cache: Path) -> Path:
    """Return the C++ sampler, built where the cache does not hold it, or the one that CRYSTALGRID_SAMPLER names."""
    if program := os.environ.get("CRYSTALGRID_SAMPLER"):
        return Path(program).absolute()
    from crystalgrid.artifacts import sampler as sample

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(sampler_cache))
        return sample.sampler()


@pytest.fixture(scope="session")
def mirror(made_once: Callable[..., Path]) -> Path:
    """Return the artifact of a Mirror, whose densities are its latent vectors."""
    return made_once("mirror", lambda folder: write_mirror(folder / "model.pt")) / "model.pt"


@pytest.fixture(scope="session")
def tiny(made_once: Callable[..., Path]) -> Path:
    """Return the artifact of an untrained network of recipe `tiny`."""
    return made_once("tiny", lambda folder: write_tiny(folder / "model.pt")) / "model.pt"


@pytest.fixture(scope="session")
def latent_run(made_once: Callable[..., Path]) -> Path:
    """Return the training run of a small autoencoder of crystals."""
    return made_once("latent", lambda folder: train_small_latent(folder / "run", "prototypes", 40)) / "run"


@pytest.fixture
def saved_figures(monkeypatch: pytest.MonkeyPatch) -> dict:
    """Return a dictionary that receives each matplotlib figure that is saved, by the name of its file.

    Figures are saved under a temporary name beside it, whose stem is ".NAME.…".
    """
    from matplotlib.figure import Figure

    figures, savefig = {}, Figure.savefig

    def save_and_keep(self, path, *arguments, **options) -> None:
        figures[Path(path).name.split(".")[1]] = self
        savefig(self, path, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", save_and_keep)
    return figures
