"""Where the C++ sampler's latent vectors come from: the seed, the prior, the temperature or a file."""

from pathlib import Path

import numpy as np
import pytest

from artifacts import write_mirror
from crystalgrid.latents import latents
from programs import assert_refused, manifest, run, sampled


def test_latents_are_the_same_bits_as_in_python(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    seed = 2**62 + 12345
    _, density = sampled(sampler, mirror, tmp_path / "out", "-n", 50, "--seed", seed)
    assert np.array_equal(density.reshape(50, 216), latents(seed, 0, 50, 216).numpy())


def test_draws_come_from_the_prior_that_a_model_has_learned(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    learned = write_mirror(tmp_path / "learned.pt", prior={})
    noise = latents(0, 0, 5, 216).numpy().reshape(5, 6, 6, 6)
    np.save(tmp_path / "z.npy", noise.reshape(5, -1))
    expected = {
        "prior": (learned, (), 2 - noise),
        "tempered": (learned, ("--temperature", 0.5), 2 - 0.5 * noise),
        "no prior": (learned, ("--no-prior",), noise),
        "latents": (learned, ("--latents", tmp_path / "z.npy"), noise),
        "none learned": (mirror, (), noise),
    }
    for name, (model, options, density) in expected.items():
        _, got = sampled(sampler, model, tmp_path / name, "-n", 5, *options)
        np.testing.assert_allclose(got, density, rtol=1e-6, atol=1e-6, err_msg=name)
        assert manifest(tmp_path / name)["settings"]["prior"] == (name in ("prior", "tempered"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_latents_of_a_file_are_decoded(sampler: Path, mirror: Path, tmp_path: Path, dtype: type) -> None:
    z = np.random.default_rng(0).normal(1, 2, (21, 216)).astype(dtype)
    np.save(tmp_path / "z.npy", z)
    frames, density = sampled(sampler, mirror, tmp_path / "out", "--latents", tmp_path / "z.npy", "--batch", 8)
    assert np.array_equal(density.reshape(21, 216), z.astype(np.float32))
    assert all("seed" not in frame.info for frame in frames)
    _, first_three = sampled(sampler, mirror, tmp_path / "some", "--latents", tmp_path / "z.npy", "-n", 3)
    assert np.array_equal(first_three, density[:3])


def test_latents_that_are_none_are_refused(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    z = np.zeros((5, 216), np.float32)
    bad = z.copy()
    bad[3, 7] = np.nan
    np.save(tmp_path / "whole.npy", z)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:-4])
    (tmp_path / "text.npy").write_text("not an array")
    for name, array in {
        "wide": z[:, :-1], "flat": z[0], "deep": z[None], "turned": np.asfortranarray(z), "ints": z.astype(int),
        "nan": bad,
    }.items():  # fmt: skip
        np.save(tmp_path / f"{name}.npy", array)
    for name, message in {
        "wide": "wide.npy: wanted float32 or float64 [rows, 216] in C order", "flat": "flat.npy: wanted float32",
        "deep": "deep.npy: wanted float32", "turned": "turned.npy: wanted float32", "ints": "ints.npy: wanted float32",
        "text": "text.npy: wanted a .npy file", "cut": "cut.npy: truncated", "nan": "nan.npy: row 3 has a value",
    }.items():  # fmt: skip
        assert_refused(run(sampler, mirror, "-o", tmp_path / name, "--latents", tmp_path / f"{name}.npy"), message)
        assert not (tmp_path / name).exists()
    done = run(sampler, mirror, "-o", tmp_path / "more", "--latents", tmp_path / "whole.npy", "-n", 6)
    assert_refused(done, "--number: wanted at most the 5 rows of")


def test_temperature_widens_the_draw(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    _, plain = sampled(sampler, mirror, tmp_path / "plain", "-n", 9)
    _, warm = sampled(sampler, mirror, tmp_path / "warm", "-n", 9, "--temperature", 1.5)
    np.testing.assert_allclose(warm, 1.5 * plain, rtol=1e-6)
