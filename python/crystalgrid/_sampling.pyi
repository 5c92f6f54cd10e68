"""The options, latent vectors and files of the sampler (export/bindings.cpp)."""

from collections.abc import Sequence

import numpy as np

class Options:
    batch: int
    threads: int
    device: str
    precision: str
    profile: bool
    largest_density: float | None

    def __init__(self, words: Sequence[str]) -> None: ...

class Run:
    next: int
    kept: int
    empty: int
    removed: int
    finished: bool
    folder: str
    last: int
    uses_prior: bool

    def __init__(
        self,
        options: Options,
        *,
        n: int,
        length: float,
        sigma: float,
        latent_dim: int,
        prior: bool,
        mode: str,
        identity: str,
        threads: int,
        torch: str,
    ) -> None: ...
    def latents(self) -> np.ndarray: ...
    def append(self, density: np.ndarray, species: np.ndarray, confidence: np.ndarray) -> None: ...
    def save(self) -> None: ...
    def finish(self) -> None: ...
