"""`crystalgrid-sample`: find the model, build the C++ sampler where it is not built yet, and become it."""

from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from .entry import importing

Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]


@dataclass
class Sample:
    """Decode latent vectors to crystal structures and write OUT/samples.xyz (extended XYZ, by index)."""

    model: tyro.conf.Positional[str]
    """model.pt or model.pt2, as crystalgrid-export writes them, or the name of a released model"""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """folder to write to, new or empty unless --resume"""
    number: Annotated[int | None, tyro.conf.arg(aliases=["-n"])] = None
    """how many structures; by default 64, or every row of --latents"""
    resume: Flag = False
    """go on where an interrupted run of the same command stopped"""
    shard: str | None = None
    """K/N: only the K-th of N equal parts, K from 0 to N-1, in the folder OUT/shard-K-of-N; by default what torchrun or
    SLURM say this process is, else all"""
    seed: int = 0
    """structure i depends on (seed, i) alone"""
    temperature: float = 1.0
    """draw noise from N(0, temperature²), which a learned prior, if the model has one, turns into latent vectors; not
    with --latents"""
    no_prior: Flag = False
    """decode the noise itself, whatever the model has learned"""
    latents: Path | None = None
    """decode the rows of this .npy file, float32 or float64 [N, latent size]"""
    largest_density: float | None = None
    """scale each density so that its largest value is this, in 1/Å³"""
    min_distance: float | None = None
    """keep only structures with no two atoms closer, Å; the manifest counts what each filter removes"""
    min_atoms: int | None = None
    """keep only structures with so many atoms in the cube, or more"""
    max_atoms: int | None = None
    """keep only structures with so many atoms in the cube, or fewer"""
    min_density: float | None = None
    """keep only structures of so much mass by the cube's volume, or more, g/cm³"""
    max_density: float | None = None
    """keep only structures of so much mass by the cube's volume, or less, g/cm³"""
    cif: Flag = False
    """write OUT/samples.cif too: a data block for each structure that has atoms"""
    save_density: Flag = False
    """write OUT/density.npz too: the decoded densities, float32 [N, n, n, n] in 1/Å³, and each one's index"""
    batch: int = 16
    """structures per pass of the network"""
    threads: int = 0
    """CPU threads; 0: all cores"""
    device: Literal["cpu", "cuda"] = "cpu"
    """where the network runs"""
    precision: Literal["fp32", "bf16"] = "fp32"
    """of the network's convolutions"""
    profile: Flag = False
    """print the time that each stage takes"""

    def words(self) -> list[str]:
        """Return these options as the C++ program takes them."""
        words = []
        for field in fields(self)[1:]:
            value, name = getattr(self, field.name), "--" + field.name.replace("_", "-")
            if value is not None and value is not False:
                words += [name] if value is True else [name, str(value)]
        return words

    def run(self) -> None:
        """Become the C++ sampler."""
        with importing():
            from ..artifacts.sampler import become_sampler
        become_sampler(self.model, self.words())


@wraps(Sample)
def sample(*args: Any, **kwargs: Any) -> None:
    Sample(*args, **kwargs).run()


COMMAND = sample
