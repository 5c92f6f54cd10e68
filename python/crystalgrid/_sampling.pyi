"""The options, noise and files of the sampler (export/bindings.cpp)."""

from collections.abc import Mapping, Sequence

import numpy as np

class Options:
    threads: int
    device: str
    precision: str
    profile: bool
    largest_density: float | None
    ranks_candidates: bool
    conditions: dict[str, list[float]]

    def __init__(self, words: Sequence[str]) -> None: ...

class Metadata:
    def __init__(
        self,
        *,
        identity: str,
        latent_dim: int,
        n: int,
        length: float,
        sigma: float,
        is_generator: bool = False,
        prior: bool = False,
        mode: str = "",
        training_ids: Sequence[str] = (),
    ) -> None: ...

class Run:
    next: int
    finished: bool
    last: int
    batch: int
    uses_prior: bool

    def __init__(self, options: Options, model: Metadata, *, threads: int, torch: str) -> None: ...
    def latents(self) -> np.ndarray: ...
    def append_cubes(self, density: np.ndarray, species: np.ndarray, confidence: np.ndarray) -> None: ...
    def append_crystals(self, members: Mapping[str, np.ndarray], operations: Mapping[int, np.ndarray]) -> None: ...
    def save(self) -> None: ...
    def finish(self) -> None: ...
    def summary(self, made: int, seconds: float) -> str: ...
