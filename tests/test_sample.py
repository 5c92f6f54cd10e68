"""The C++ sampler as a program: against the same steps in Python, for any batch, and what it keeps when stopped."""

import re
import resource
import shlex
import signal
import subprocess
import time
from pathlib import Path

import ase.io
import numpy as np
import pytest

import crystalgrid as cg
from artifacts import write_mirror
from crystalgrid.latents import latents
from crystalgrid.training.precision import cpu_has_bf16
from programs import assert_refused, manifest, run, sampled


def test_sampler_and_python_agree_atom_for_atom(sampler: Path, tiny: Path, tmp_path: Path) -> None:
    frames, density = sampled(sampler, tiny, tmp_path / "out", "-n", 7, "--batch", 7, "--seed", 5)
    model = cg.load(tiny)
    expected = model.decode(latents(5, 0, 7, model.latent_dim))
    np.testing.assert_allclose(density, expected, rtol=0, atol=1e-4)
    species, confidence = model.segment(expected)
    atoms = cg.find_atoms(species, expected, model.grid, confidence=confidence)
    assert [len(frame) for frame in frames] == atoms.offsets.diff().tolist()
    assert sum(map(len, frames)) > 0
    assert np.concatenate([frame.numbers for frame in frames]).tolist() == atoms.numbers.tolist()
    np.testing.assert_allclose(
        np.concatenate([frame.positions for frame in frames]), atoms.positions, rtol=0, atol=1e-4
    )


def test_frames_say_where_they_come_from_and_keep_their_order(sampler: Path, tmp_path: Path) -> None:
    model = write_mirror(tmp_path / "model.pt", threshold=3.0)  # leaves most cubes without atoms
    frames, density = sampled(sampler, model, tmp_path / "out", "-n", 40, "--batch", 7)
    assert [frame.info["index"] for frame in frames] == list(range(40))
    assert [len(frame) > 0 for frame in frames] == (density > 3).any(axis=(1, 2, 3)).tolist()
    assert 0 < sum(len(frame) == 0 for frame in frames) < 40
    for frame in frames:
        assert frame.cell.cellpar().tolist() == [2, 2, 2, 90, 90, 90]
        assert not frame.pbc.any()
        assert (frame.info["seed"], frame.info["mode"]) == (0, "repeated")
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", frame.info["model"])


@pytest.mark.parametrize(("threshold", "warned"), [(1e6, True), (2.5, False)])
def test_a_library_without_atoms_warns(sampler: Path, tmp_path: Path, threshold: float, warned: bool) -> None:
    model = write_mirror(tmp_path / "model.pt", threshold=threshold)
    done = run(sampler, model, "-n", 10, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert ("warning: most of the structures are no good" in done.stdout) == warned


@pytest.mark.parametrize("options", [("--batch", 1), ("--batch", 5, "--threads", 1), ("--threads", 3)])
def test_batch_and_threads_do_not_change_these_structures(
    sampler: Path, mirror: Path, tmp_path: Path, options: tuple[object, ...]
) -> None:
    sampled(sampler, mirror, tmp_path / "plain", "-n", 20)
    sampled(sampler, mirror, tmp_path / "other", "-n", 20, *options)
    assert (tmp_path / "plain/samples.xyz").read_bytes() == (tmp_path / "other/samples.xyz").read_bytes()


def test_a_longer_library_begins_with_the_shorter_one(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    sampled(sampler, mirror, tmp_path / "short", "-n", 3, "--batch", 2)
    sampled(sampler, mirror, tmp_path / "long", "-n", 11, "--batch", 4)
    short = (tmp_path / "short/samples.xyz").read_bytes()
    assert (tmp_path / "long/samples.xyz").read_bytes().startswith(short)


def test_the_batch_moves_no_density(sampler: Path, tiny: Path, tmp_path: Path) -> None:
    _, by_ones = sampled(sampler, tiny, tmp_path / "one", "-n", 4, "--batch", 1)
    _, by_fours = sampled(sampler, tiny, tmp_path / "four", "-n", 4, "--batch", 4, "--threads", 1)
    np.testing.assert_allclose(by_ones, by_fours, rtol=0, atol=1e-4)


def test_with_its_streams_closed_it_writes_the_same(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    sampled(sampler, mirror, tmp_path / "open", "-n", 500, "--batch", 1)
    words = shlex.join(map(str, [sampler, mirror, "-o", tmp_path / "closed", "-n", 500, "--batch", 1]))
    assert subprocess.run(f"exec {words} <&- >&- 2>&-", shell=True, timeout=120).returncode == 0
    assert (tmp_path / "closed/samples.xyz").read_bytes() == (tmp_path / "open/samples.xyz").read_bytes()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_whole_frames_kept(
    sampler: Path, mirror: Path, tmp_path: Path, by: signal.Signals
) -> None:
    out = tmp_path / "out"
    command = [sampler, mirror, "-o", out, "-n", str(10**9)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not ((part := out / "samples.xyz.part").exists() and part.stat().st_size):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(by)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + by
    message = re.fullmatch(
        r"error: interrupted; the (\d+) structures done are in .*samples\.xyz\.part, and --resume goes on with them\n",
        stderr,
    )
    assert message, stderr
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "samples.xyz.part"]
    assert len(ase.io.read(part, ":", format="extxyz")) == int(message[1])


def test_no_space_left_keeps_whole_frames(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    # Python ignores SIGXFSZ, and so does what it starts unless signals are restored: the write fails as on a full disk.
    done = run(sampler, mirror, "-o", tmp_path / "out", "-n", 1000, preexec_fn=limit, restore_signals=False)
    assert_refused(done, "samples.xyz.part: cannot be written: File too large")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["manifest.json", "samples.xyz.part"]
    frames = ase.io.read(tmp_path / "out/samples.xyz.part", ":", format="extxyz")
    assert [frame.info["index"] for frame in frames] == list(range(len(frames)))
    assert len(frames) > 0
    assert run(sampler, mirror, "-o", tmp_path / "out", "-n", 1000, "--resume").returncode == 0
    sampled(sampler, mirror, tmp_path / "straight", "-n", 1000)
    assert (tmp_path / "out/samples.xyz").read_bytes() == (tmp_path / "straight/samples.xyz").read_bytes()


def test_filters_keep_what_they_say_and_count_the_rest(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    everything, _ = sampled(sampler, mirror, tmp_path / "all", "-n", 80)
    volume = 2.0**3 * 1e-24

    def mass_density(frame: ase.Atoms) -> float:
        return frame.get_masses().sum() * 1.66053906660e-24 / volume

    def closest(frame: ase.Atoms) -> float:
        distances = frame.get_all_distances()
        return distances[np.triu_indices(len(frame), 1)].min(initial=np.inf)

    counts, densities, distances = zip(*((len(f), mass_density(f), closest(f)) for f in everything), strict=True)
    for option, limit, value in (
        ("min_atoms", int(np.median(counts)), lambda f, limit: len(f) >= limit),
        ("max_atoms", int(np.median(counts)), lambda f, limit: len(f) <= limit),
        ("min_density", float(np.median(densities)) * 1.001, lambda f, limit: mass_density(f) >= limit),
        ("max_density", float(np.median(densities)) * 1.001, lambda f, limit: mass_density(f) <= limit),
        ("min_distance", float(np.median(distances)) + 1e-4, lambda f, limit: closest(f) >= limit),
    ):
        expected = [frame.info["index"] for frame in everything if value(frame, limit)]
        assert 0 < len(expected) < 80, option
        out = tmp_path / option
        kept, _ = sampled(sampler, mirror, out, "-n", 80, "--" + option.replace("_", "-"), limit)
        assert [frame.info["index"] for frame in kept] == expected, option
        assert manifest(out)["removed"] == {
            key: (80 - len(expected)) * (key == option) for key in manifest(out)["removed"]
        }
        assert manifest(out)["kept"] == len(expected)


def test_the_largest_density_is_what_was_asked_for(sampler: Path, tiny: Path, tmp_path: Path) -> None:
    _, plain = sampled(sampler, tiny, tmp_path / "plain", "-n", 3)
    _, scaled = sampled(sampler, tiny, tmp_path / "scaled", "-n", 3, "--largest-density", 2.5)
    np.testing.assert_allclose(scaled.max(axis=(1, 2, 3)), 2.5, rtol=1e-5)
    shape = plain / plain.max(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(scaled / 2.5, shape, atol=1e-5)


@pytest.mark.skipif(not cpu_has_bf16(), reason="no arithmetic in bf16")
def test_bf16_stays_close(sampler: Path, tiny: Path, tmp_path: Path) -> None:
    full, density = sampled(sampler, tiny, tmp_path / "full", "-n", 4)
    half, same = sampled(sampler, tiny, tmp_path / "half", "-n", 4, "--precision", "bf16")
    assert np.array_equal(density, same)  # only the U-Net's convolutions are in bf16
    assert sum(map(len, half)) == pytest.approx(sum(map(len, full)), rel=0.2)


@pytest.mark.skipif(cpu_has_bf16(), reason="arithmetic in bf16")
def test_bf16_is_refused_where_it_would_be_emulated(sampler: Path, tiny: Path, tmp_path: Path) -> None:
    done = run(sampler, tiny, "-o", tmp_path / "out", "--precision", "bf16")
    assert done.returncode == 1
    assert done.stderr == "error: --precision bf16: this CPU has no arithmetic in bf16; fp32 is much faster here\n"


def test_profile_times_every_stage(sampler: Path, tiny: Path, tmp_path: Path) -> None:
    done = run(sampler, tiny, "-o", tmp_path / "out", "-n", 4, "--profile")
    rows = dict(re.findall(r"^(decode|segment|extract|write|all) +([\d.]+)", done.stdout, re.M))
    assert set(rows) == {"decode", "segment", "extract", "write", "all"}
