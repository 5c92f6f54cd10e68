"""Latent vectors from (seed, index) alone: any order, any shard and any restart give the same vectors.

They are the same to the last bit as those of the C++ sampler (`export/latents.cpp`); `export/README.md` defines both.
"""

from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from .errors import InputError

LN2 = 0.6931471805599453


def philox(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Return the random words [..., 4] of Philox4x32-10 (Salmon et al. 2011) for counters [..., 4] of 32-bit words."""
    low = np.uint64(0xFFFFFFFF)
    c0, c1, c2, c3 = np.moveaxis(np.asarray(counter, np.uint64), -1, 0)
    k0, k1 = key
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        high0, high1 = p0 >> np.uint64(32), p1 >> np.uint64(32)
        c0, c1, c2, c3 = high1 ^ c1 ^ np.uint64(k0), p1 & low, high0 ^ c3 ^ np.uint64(k1), p0 & low
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=-1)


def latents(seed: int, first: int, count: int, latent_dim: int) -> Tensor:
    """Return latent vectors `first` to `first + count` of the library `seed`, [count, latent_dim] float32.

    Their numbers are independent and standard normal.
    """
    if not isinstance(seed, Integral) or not 0 <= seed < 2**63:
        raise InputError(f"seed: wanted a whole number from 0 to {2**63 - 1}, got {seed!r}")
    seed = int(seed)
    if first < 0 or count < 0:
        raise InputError(f"first and count: wanted whole numbers from 0 on, got {first} and {count}")
    index = np.arange(first, first + count, dtype=np.uint64)[:, None]
    counter = np.zeros((count, (latent_dim + 3) // 4, 4), dtype=np.uint64)
    counter[..., 0] = np.arange(counter.shape[1])
    counter[..., 2] = index & np.uint64(0xFFFFFFFF)
    counter[..., 3] = index >> np.uint64(32)
    words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32)).reshape(count, -1, 2)
    # Box and Muller 1958
    radius = np.sqrt(-2 * _logarithm((words[..., 0] + 0.5) * 2.0**-32))
    cosine, sine = _direction(words[..., 1])
    normals = np.stack([radius * cosine, radius * sine], axis=-1).astype(np.float32)
    return torch.from_numpy(normals.reshape(count, -1)[:, :latent_dim].copy())


# Logarithm, sine and cosine are series of basic operations, which IEEE 754 rounds the same everywhere, while libraries
# differ in the last bit. The series are accurate to 1e-11, far below the rounding to float32.


def _logarithm(u: np.ndarray) -> np.ndarray:
    """Return the natural logarithm of u in (0, 1), from ln m = 2 artanh((m - 1) / (m + 1)) with m in [1/2, 1)."""
    m, exponent = np.frexp(u)
    s = (m - 1) / (m + 1)
    s2 = s * s
    total = np.zeros_like(u)
    for k in range(10, -1, -1):
        total = total * s2 + 1 / (2 * k + 1)
    logarithm: np.ndarray = exponent * LN2 + 2 * s * total
    return logarithm


def _direction(word: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosine and sine of the angle that a word encodes.

    Its upper two bits are quarter turns, to which the others add an angle in (-π/4, π/4).
    """
    angle = ((word & np.uint64(0x3FFFFFFF)) + 0.5 - 2.0**29) * 2.0**-30 * (np.pi / 2)
    a2 = angle * angle
    cosine = sine = np.ones_like(angle)
    for k in range(6, 0, -1):
        cosine = 1 - a2 * cosine / ((2 * k - 1) * (2 * k))
        sine = 1 - a2 * sine / ((2 * k) * (2 * k + 1))
    sine = sine * angle
    quarter = (word >> np.uint64(30)).astype(np.int64)
    return np.choose(quarter, [cosine, -sine, -cosine, sine]), np.choose(quarter, [sine, cosine, -sine, -cosine])


def line(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Return [steps, latent_dim] evenly spaced points from a to b, both included."""
    fraction = torch.linspace(0, 1, steps)[:, None]
    return (1 - fraction) * a + fraction * b
