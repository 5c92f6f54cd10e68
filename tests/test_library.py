"""Libraries of the C++ sampler: cut into shards, killed and resumed, they are the same bytes."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import ase.io
import numpy as np
import pytest

from artifacts import write_mirror
from crystalgrid.data.sampled import open_sampled
from crystalgrid.latents import latents
from programs import assert_refused, manifest, run

LIBRARY = ("-n", 203, "--batch", 5, "--seed", 3, "--max-atoms", 2, "--save-density")
"""Several batches, the last one short; about half of the structures pass the filter."""


def library_with(option: str, value: int) -> tuple[str | int, ...]:
    """Return the options of the library with another value of one."""
    place = LIBRARY.index(option) + 1
    return (*LIBRARY[:place], value, *LIBRARY[place + 1 :])


@pytest.fixture(scope="module")
def whole(sampler: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model, and its library made in one go."""
    folder = tmp_path_factory.mktemp("whole")
    model = write_mirror(folder / "model.pt", threshold=2.5)
    assert run(sampler, model, "-o", folder / "out", *LIBRARY).returncode == 0
    return model, folder / "out"


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def joined(folders: list[Path], name: str) -> bytes:
    return b"".join((folder / name).read_bytes() for folder in folders)


def assert_same_library(folders: list[Path], whole: Path) -> None:
    """Files, densities and counts of the parts, put together, are those of the whole."""
    assert joined(folders, "samples.xyz") == (whole / "samples.xyz").read_bytes()
    for name in ("density.npy", "index.npy"):
        parts = [np.load(folder / name) for folder in folders]
        assert np.array_equal(np.concatenate(parts), np.load(whole / name))
    counts = [manifest(folder) for folder in folders]
    for key in ("kept", "without_atoms"):
        assert sum(part[key] for part in counts) == manifest(whole)[key]
    assert sum(part["removed"]["max_atoms"] for part in counts) == manifest(whole)["removed"]["max_atoms"]
    assert all(part["finished"] for part in counts)
    assert all(
        sorted(f.name for f in folder.iterdir()) == sorted(f.name for f in whole.iterdir()) for folder in folders
    )


def test_a_shard_without_a_batch_says_so(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    done = run(sampler, mirror, "-o", tmp_path, "-n", 20, "--batch", 8, "--shard", "0/5")
    assert done.returncode == 0
    assert done.stderr.startswith("shard 0/5: no structures; 20 of them are 3 batches of 8, and a shard has whole")
    assert run(sampler, mirror, "-o", tmp_path, "-n", 20, "--batch", 8, "--shard", "1/5").stderr == ""


@pytest.mark.parametrize("count", [1, 2, 4, 50])
def test_shards_are_the_library_cut(sampler: Path, whole: tuple[Path, Path], tmp_path: Path, count: int) -> None:
    for k in range(count):
        done = run(sampler, whole[0], "-o", tmp_path, *LIBRARY, "--shard", f"{k}/{count}")
        assert done.returncode == 0, done.stderr
    folders = sorted(tmp_path.iterdir()) if count > 1 else []
    if count == 1:  # is no shard
        assert (tmp_path / "samples.xyz").read_bytes() == (whole[1] / "samples.xyz").read_bytes()
    else:
        assert len(folders) == count
        assert_same_library(folders, whole[1])


@pytest.mark.parametrize(
    ("variables", "shard"),
    [
        ({"RANK": "1", "WORLD_SIZE": "3"}, "1-of-3"),
        ({"SLURM_PROCID": "2", "SLURM_NTASKS": "3"}, "2-of-3"),
        ({"SLURM_JOB_ID": "9", "SLURM_STEP_ID": "0", "SLURM_PROCID": "0", "SLURM_NTASKS": "3"}, "0-of-3"),
        ({"SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_MIN": "4", "SLURM_ARRAY_TASK_COUNT": "12"}, "01-of-12"),
        (
            {"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_PROCID": "1", "SLURM_NTASKS": "2"},
            "3-of-4",
        ),
        ({"SLURM_JOB_ID": "9", "SLURM_PROCID": "0", "SLURM_NTASKS": "3"}, None),  # a job's script, not a step of it
    ],
)
def test_torchrun_and_slurm_say_which_shard(
    sampler: Path, mirror: Path, tmp_path: Path, variables: dict[str, str], shard: str | None
) -> None:
    done = run(sampler, mirror, "-o", tmp_path, "-n", 60, "--batch", 5, env={**os.environ, **variables})
    assert done.returncode == 0, done.stderr
    if shard is None:
        assert (tmp_path / "samples.xyz").exists()
        return
    assert [path.name for path in tmp_path.iterdir()] == [f"shard-{shard}"]
    k, n_shards = map(int, shard.split("-of-"))
    indices = [frame.info["index"] for frame in ase.io.read(tmp_path / f"shard-{shard}/samples.xyz", ":")]
    assert indices == list(range(12 * k // n_shards * 5, 12 * (k + 1) // n_shards * 5))
    assert f"shard {k}/{n_shards}, as " in done.stderr


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"RANK": "3", "WORLD_SIZE": "3"}, "RANK and WORLD_SIZE: wanted K/N with K from 0 to N-1, as 0/4, got '3/3'"),
        ({"RANK": "1"}, "RANK and WORLD_SIZE: wanted both, as torchrun sets them, or neither, got only RANK"),
        ({"WORLD_SIZE": "4"}, "or neither, got only WORLD_SIZE; --shard K/N goes before them"),
        ({"RANK": "one", "WORLD_SIZE": "4"}, "RANK: wanted a whole number, got 'one'"),
    ],
)
def test_an_impossible_shard_of_the_environment_is_refused(
    sampler: Path, mirror: Path, tmp_path: Path, variables: dict[str, str], message: str
) -> None:
    assert_refused(run(sampler, mirror, "-o", tmp_path / "out", env={**os.environ, **variables}), message)
    assert run(sampler, mirror, "-o", tmp_path, "--shard", "0/2", env={**os.environ, **variables}).returncode == 0


def test_killed_again_and_again_it_makes_the_same_library(
    sampler: Path, whole: tuple[Path, Path], tmp_path: Path
) -> None:
    rng, command = np.random.default_rng(0), [sampler, whole[0], "-o", tmp_path / "out", *map(str, LIBRARY), "--resume"]
    for _ in range(12):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            time.sleep(rng.uniform(0, 0.4))
            process.kill()
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert_same_library([tmp_path / "out"], whole[1])


@pytest.mark.parametrize("torn", [0, 1, 7, 1000])
def test_what_was_written_after_the_manifest_is_made_anew(
    sampler: Path, whole: tuple[Path, Path], tmp_path: Path, torn: int
) -> None:
    """A machine may stop after it has written structures and before it has written the manifest."""
    out, (model, folder) = tmp_path / "out", whole
    out.mkdir()
    contents = {name: (folder / name).read_bytes() for name in manifest(folder)["bytes"]}
    indices = np.load(folder / "index.npy")
    next_ = 5 * (indices[19] // 5 + 1)
    kept = int((indices < next_).sum())
    frame_starts = [match.start() for match in re.finditer(rb"^\d+\nLattice", contents["samples.xyz"], re.M)]
    atoms = [len(frame) for frame in ase.io.read(folder / "samples.xyz", ":")]
    densities, indices_size = 128 + kept * 6**3 * 4, 128 + kept * 8
    sizes = {"samples.xyz": frame_starts[kept], "density.npy": densities, "index.npy": indices_size}
    for name, content in contents.items():
        (out / f"{name}.part").write_bytes(content[: sizes[name] + torn])
    removed = {**manifest(folder)["removed"], "max_atoms": int(next_ - kept)}
    changes = {"bytes": sizes, "next": int(next_), "kept": kept, "removed": removed, "finished": False}
    changes["without_atoms"] = sum(n == 0 for n in atoms[:kept])
    (out / "manifest.json").write_text(json.dumps({**manifest(folder), **changes}))
    done = run(sampler, model, "-o", out, *LIBRARY, "--resume")
    assert done.returncode == 0, done.stderr
    assert_same_library([out], folder)


def test_densities_take_their_space_once(sampler: Path, whole: tuple[Path, Path], tmp_path: Path) -> None:
    """The file that is written becomes density.npy, again if the machine stopped just before the manifest said so."""
    out, content = tmp_path / "out", (whole[1] / "density.npy").read_bytes()
    assert run(sampler, whole[0], "-o", out, *LIBRARY).returncode == 0
    (out / "manifest.json").write_text(json.dumps({**manifest(out), "finished": False}))
    before = (out / "density.npy").stat().st_ino
    assert run(sampler, whole[0], "-o", out, *LIBRARY, "--resume").returncode == 0
    assert (out / "density.npy").read_bytes() == content
    assert (out / "density.npy").stat().st_ino == before


def test_densities_are_mapped_not_read(whole: tuple[Path, Path]) -> None:
    library = open_sampled(whole[1], first=3)
    saved = np.load(whole[1] / "density.npy", mmap_mode="r")
    assert saved.dtype == np.float32
    assert saved.flags.c_contiguous
    assert np.array_equal(library.density, saved[:3])
    assert library.indices.tolist() == np.load(whole[1] / "index.npy")[:3].tolist()


def test_a_finished_library_is_left_alone(sampler: Path, whole: tuple[Path, Path]) -> None:
    before = {path.name: path.read_bytes() for path in whole[1].iterdir()}
    done = run(sampler, whole[0], "-o", whole[1], *LIBRARY, "--resume")
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in whole[1].iterdir()} == before
    assert_refused(run(sampler, whole[0], "-o", whole[1], *LIBRARY), "holds a library; --resume goes on with it")


def test_a_library_goes_on_only_as_it_began(sampler: Path, whole: tuple[Path, Path], tmp_path: Path) -> None:
    other = write_mirror(tmp_path / "other.pt", threshold=2.25)
    for model, options, message in (
        (whole[0], library_with("--seed", 4), "was made with seed 3, not 4; give the same to resume"),
        (whole[0], library_with("--max-atoms", 9), "was made with max_atoms 2, not 9"),
        (other, LIBRARY, "was made with model "),
    ):
        assert_refused(run(sampler, model, "-o", whole[1], *options, "--resume"), message)


def test_a_library_that_lost_records_is_refused(sampler: Path, whole: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifest.json").write_text(json.dumps({**manifest(whole[1]), "finished": False}))
    (out / "samples.xyz.part").write_bytes(b"")
    assert_refused(run(sampler, whole[0], "-o", out, *LIBRARY, "--resume"), "shorter than its manifest says")
    (out / "manifest.json").write_text("{")
    assert_refused(run(sampler, whole[0], "-o", out, *LIBRARY, "--resume"), "manifest.json: not valid JSON")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"next": 100}, "manifest.json: altered, its numbers contradict each other"),
        ({"next": 3, "kept": 3}, "manifest.json: altered"),
        ({"next": "a"}, "manifest.json: 'next' is not a whole number"),
        ({"finished": 0}, "manifest.json: 'finished' is not true or false"),
        ({"bytes": {}}, "manifest.json: 'samples.xyz' is missing"),
    ],
)
def test_an_altered_manifest_is_refused(
    sampler: Path, whole: tuple[Path, Path], tmp_path: Path, changes: dict, message: str
) -> None:
    new_run = {"next": 0, "kept": 0, "without_atoms": 0, "finished": False}
    removed = dict.fromkeys(manifest(whole[1])["removed"], 0)
    (tmp_path / "manifest.json").write_text(
        json.dumps({**manifest(whole[1]), **new_run, "removed": removed, **changes})
    )
    assert_refused(run(sampler, whole[0], "-o", tmp_path, *LIBRARY, "--resume"), message)


def test_a_finished_library_whose_file_changed_is_refused(
    sampler: Path, whole: tuple[Path, Path], tmp_path: Path
) -> None:
    for name in ("samples.xyz", "density.npy", "index.npy"):
        out = shutil.copytree(whole[1], tmp_path / name)
        size = (out / name).stat().st_size
        with (out / name).open("r+b") as file:
            file.truncate(size - 1)
        done = run(sampler, whole[0], "-o", out, *LIBRARY, "--resume")
        assert_refused(done, f"{name}: wanted the {size} bytes that its manifest says, got {size - 1}")
        (out / name).unlink()
        assert_refused(run(sampler, whole[0], "-o", out, *LIBRARY, "--resume"), f"{name}: wanted the {size} bytes")


def test_shards_of_two_libraries_do_not_share_a_folder(sampler: Path, whole: tuple[Path, Path], tmp_path: Path) -> None:
    shard = [whole[0], "-o", tmp_path, *LIBRARY, "--shard"]
    assert run(sampler, *shard, "0/2").returncode == 0
    assert_refused(run(sampler, *shard, "0/3"), "nothing but the 3 shards of this library, it has shard-0-of-2")
    other = [whole[0], "-o", tmp_path, *library_with("--seed", 4), "--shard", "1/2"]
    assert_refused(run(sampler, *other), "made with seed 3, not 4")
    (tmp_path / "slurm-1.out").write_text("a log")
    assert run(sampler, *shard, "1/2").returncode == 0
    done = run(sampler, *shard[:-1])
    assert_refused(done, "holds shard-")
    assert "--shard K/N goes on with a part of it" in done.stderr
    (tmp_path / "samples.xyz").write_text("")
    assert_refused(run(sampler, *shard, "1/2", "--resume"), "it has samples.xyz")


def test_a_file_of_a_finished_name_does_not_take_the_place_of_what_is_done(
    sampler: Path, whole: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    done = {
        "next": 0,
        "kept": 0,
        "without_atoms": 0,
        "finished": False,
        "bytes": dict.fromkeys(manifest(whole[1])["bytes"], 0),
    }
    done["removed"] = dict.fromkeys(manifest(whole[1])["removed"], 0)
    (out / "manifest.json").write_text(json.dumps({**manifest(whole[1]), **done}))
    (out / "samples.xyz.part").write_text("begun")
    (out / "samples.xyz").write_text("a copy")
    assert run(sampler, whole[0], "-o", out, *LIBRARY, "--resume").returncode == 0
    assert (out / "samples.xyz").read_bytes() == (whole[1] / "samples.xyz").read_bytes()


@pytest.mark.parametrize(
    "variables",
    [
        {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "1", "SLURM_ARRAY_TASK_MIN": "3"},
        {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "3", "SLURM_ARRAY_TASK_MAX": "7"},
    ],
)
def test_some_tasks_of_an_array_do_not_say_which_shard(
    sampler: Path, mirror: Path, tmp_path: Path, variables: dict[str, str]
) -> None:
    done = run(sampler, mirror, "-o", tmp_path, env={**os.environ, **variables})
    assert_refused(done, "SLURM_ARRAY_TASK_ID: wanted an array of all shards, got")
    assert "--shard K/N" in done.stderr


def test_other_rows_under_the_same_name_are_refused(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    rows = latents(0, 0, 40, 216).numpy()
    np.save(tmp_path / "z.npy", rows)
    command = [mirror, "-o", tmp_path / "out", "--latents", tmp_path / "z.npy"]
    assert run(sampler, *command).returncode == 0
    rows[39, 0] += 1
    np.save(tmp_path / "z.npy", rows)
    assert_refused(run(sampler, *command, "--resume"), "was made with latents_checksum")


def test_a_small_library_is_the_beginning_of_a_large_one(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    for number in (3, 40):
        assert run(sampler, mirror, "-o", tmp_path / str(number), "-n", number).returncode == 0
    large = (tmp_path / "40/samples.xyz").read_bytes()
    assert large.startswith((tmp_path / "3/samples.xyz").read_bytes())


def test_two_processes_do_not_write_one_library(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    command = [sampler, mirror, "-o", tmp_path / "out", "-n", str(10**9)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not (tmp_path / "out/manifest.json").exists():
            time.sleep(0.01)
        second = run(sampler, *command[1:], "--resume")
        process.kill()
    assert_refused(second, "another process is writing it")
    assert process.returncode == -signal.SIGKILL  # not of what the second did
