"""What several test files share: devices, and real crystals where they are at hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from artifacts import write_mirror, write_tiny
from crystalgrid import _core
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import write_parquet

REAL_CRYSTALS = Path(__file__).parents[2] / "shared" / "data" / "mp_10A.parquet"


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    """One test body, two devices."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    if request.param == "cuda" and _core.cuda is None:
        pytest.skip("crystalgrid was built without CUDA")
    return request.param


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is exact on a CPU alone, in this process and in those that it starts."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture(scope="session")
def prototypes() -> CrystalSet:
    """The embedded crystals."""
    from crystalgrid.data.source import load

    return load("prototypes")


@pytest.fixture(scope="session")
def crystals(tmp_path_factory: pytest.TempPathFactory, prototypes: CrystalSet) -> Path:
    """Some of them as a file, with all three splits."""
    few = prototypes[:: max(1, len(prototypes) // 24)]
    path = tmp_path_factory.mktemp("data") / "few.parquet"
    splits = ["val" if i % 8 == 0 else "test" if i % 8 == 1 else "train" for i in range(len(few))]
    write_parquet(path, few.with_splits(np.array(splits)))
    return path


@pytest.fixture(scope="session")
def recipe() -> Path:
    """Of small networks."""
    return Path(__file__).with_name("small.toml")


@pytest.fixture(scope="session")
def real_crystals() -> CrystalSet:
    """Crystals of the Materials Project with sides below 10 Å."""
    if not REAL_CRYSTALS.exists():
        pytest.skip(f"{REAL_CRYSTALS.name} is not at hand")
    from crystalgrid.data.source import load

    return load(str(REAL_CRYSTALS))


@pytest.fixture(scope="session")
def sampler(pytestconfig: pytest.Config) -> Path:
    """The C++ sampler, built once and kept between test runs."""
    from crystalgrid.artifacts import sampler as sample

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(pytestconfig.cache.mkdir("sampler")))
        return sample.sampler()


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mirror(tmp_path_factory.mktemp("mirror") / "model.pt")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("tiny") / "model.pt")
