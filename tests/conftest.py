"""What several test files share: devices, and real crystals where they are at hand."""

from pathlib import Path

import pytest
import torch

from artifacts import write_mirror, write_tiny
from crystalgrid import _core
from crystalgrid.crystalset import CrystalSet

REAL_CRYSTALS = Path(__file__).parents[2] / "shared" / "data" / "mp_10A.parquet"


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    """One test body, two devices."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    if request.param == "cuda" and _core.cuda is None:
        pytest.skip("crystalgrid was built without CUDA")
    return request.param


@pytest.fixture(scope="session")
def prototypes() -> CrystalSet:
    """The embedded crystals."""
    from crystalgrid.data import load

    return load("prototypes")


@pytest.fixture(scope="session")
def real_crystals() -> CrystalSet:
    """Crystals of the Materials Project with sides below 10 Å."""
    if not REAL_CRYSTALS.exists():
        pytest.skip(f"{REAL_CRYSTALS.name} is not at hand")
    from crystalgrid.data import load

    return load(str(REAL_CRYSTALS))


@pytest.fixture(scope="session")
def sampler(pytestconfig: pytest.Config) -> Path:
    """The C++ sampler, built once and kept between test runs."""
    from crystalgrid import sample

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(pytestconfig.cache.mkdir("sampler")))
        return sample.sampler()


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mirror(tmp_path_factory.mktemp("mirror") / "model.pt")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("tiny") / "model.pt")
