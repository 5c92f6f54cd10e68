"""Latent vectors: those of published vectors and of the plain formula, in pieces of any size."""

import re

import numpy as np
import pytest
import torch

from crystalgrid.errors import InputError
from crystalgrid.files import shipped
from crystalgrid.latents import latents, philox


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [  # kat_vectors of Random123, the authors' own library
        ([0] * 4, (0, 0), [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([0xFFFFFFFF] * 4, (0xFFFFFFFF, 0xFFFFFFFF), [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            (0xA4093822, 0x299F31D0),
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_gives_the_published_words(counter: list[int], key: tuple[int, int], words: list[int]) -> None:
    assert philox(np.array(counter), key).tolist() == words


def test_latents_are_box_and_muller_of_these_words() -> None:
    seed, index = 2**40 + 5, 2**35 + 1
    words = philox(np.array([1, 0, index % 2**32, index >> 32]), (seed % 2**32, seed >> 32)).astype(float)
    radius = np.sqrt(-2 * np.log((words[0::2] + 0.5) / 2**32))
    angle = 2 * np.pi * (words[1::2] + 0.5) / 2**32 - np.pi / 4
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()
    np.testing.assert_allclose(latents(seed, index, 1, 8)[0, 4:], expected, rtol=1e-7)


def test_a_latent_depends_on_seed_and_index_alone() -> None:
    library = latents(7, 0, 40, 30)
    assert torch.equal(latents(7, 13, 9, 30), library[13:22])
    assert torch.equal(latents(7, 0, 40, 17), library[:, :17])
    assert not torch.isin(latents(8, 0, 40, 30), library).any()


def test_latents_are_standard_normal_and_independent() -> None:
    z = latents(0, 0, 2000, 100).double()
    assert z.dtype == torch.float64
    assert abs(z.mean()) < 0.01
    assert abs(z.var() - 1) < 0.01
    assert abs((z**4).mean() - 3) < 0.1
    correlation = torch.corrcoef(z.T) - torch.eye(100)
    assert correlation.abs().max() < 0.12  # 5 standard deviations


@pytest.mark.parametrize(("seed", "index"), [(0, 0), (2**40 + 5, 2**35 + 1)])
def test_the_contract_has_these_vectors(seed: int, index: int) -> None:
    rows = re.findall(r"^\|.*\| (\S+p\S+), (\S+), (\S+), (\S+) \(", (shipped("export") / "README.md").read_text(), re.M)
    assert latents(seed, index, 1, 4)[0].tolist() in [[float.fromhex(x) for x in row] for row in rows]


@pytest.mark.parametrize("arguments", [(-1, 0, 1, 4), (2**63, 0, 1, 4), (0.5, 0, 1, 4), (0, -1, 1, 4), (0, 0, -1, 4)])
def test_impossible_arguments_are_refused(arguments: tuple[float, int, int, int]) -> None:
    with pytest.raises(InputError, match="wanted"):
        latents(*arguments)
