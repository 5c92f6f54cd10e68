"""The C++ sampler as a program: against the same steps in Python, its options, and what it refuses."""

import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import ase.io
import numpy as np
import pytest
import torch

import crystalgrid as cg
from artifacts import write_mirror
from crystalgrid.artifacts import sampler as sample
from crystalgrid.artifacts.exported import script_network
from crystalgrid.commands.sample import as_words, parser
from crystalgrid.latents import latents
from crystalgrid.training.precision import cpu_has_bf16
from programs import assert_refused, manifest, run, sampled


def test_latents_are_the_same_bits_as_in_python(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    seed = 2**62 + 12345
    _, density = sampled(sampler, mirror, tmp_path / "out", "-n", 50, "--seed", seed)
    assert np.array_equal(density.reshape(50, 216), latents(seed, 0, 50, 216).numpy())


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


@pytest.mark.parametrize("options", [("--batch", 1), ("--batch", 5, "--threads", 1), ("--threads", 3)])
def test_batch_and_threads_do_not_change_these_structures(
    sampler: Path, mirror: Path, tmp_path: Path, options: tuple[object, ...]
) -> None:
    sampled(sampler, mirror, tmp_path / "plain", "-n", 20)
    sampled(sampler, mirror, tmp_path / "other", "-n", 20, *options)
    assert (tmp_path / "plain/samples.xyz").read_bytes() == (tmp_path / "other/samples.xyz").read_bytes()


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


def test_a_longer_library_begins_with_the_shorter_one(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    sampled(sampler, mirror, tmp_path / "short", "-n", 3, "--batch", 2)
    sampled(sampler, mirror, tmp_path / "long", "-n", 11, "--batch", 4)
    short = (tmp_path / "short/samples.xyz").read_bytes()
    assert (tmp_path / "long/samples.xyz").read_bytes().startswith(short)


def test_the_batch_moves_no_density(sampler: Path, tiny: Path, tmp_path: Path) -> None:
    _, by_ones = sampled(sampler, tiny, tmp_path / "one", "-n", 4, "--batch", 1)
    _, by_fours = sampled(sampler, tiny, tmp_path / "four", "-n", 4, "--batch", 4, "--threads", 1)
    np.testing.assert_allclose(by_ones, by_fours, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{model}"], "wanted a folder to write to"),
        (["-o", "{out}"], "wanted a model"),
        (["{model}", "other.pt", "-o", "{out}"], "wanted one model"),
        (["absent.pt", "-o", "{out}"], "absent.pt: no such file"),
        (["{model}", "-o", "{out}", "-n", "0"], "-n: wanted a whole number from 1"),
        (["{model}", "-o", "{out}", "-n", "ten"], "-n: wanted a whole number from 1"),
        (["{model}", "-o", "{out}", "-n"], "-n: wanted a value, got none"),
        (["{model}", "-o", "{out}", "--shard", ""], "--shard: wanted a value, got none"),
        (["{model}", "-o", "{out}", "--batch", "-4"], "--batch: wanted a whole number from 1"),
        (["{model}", "-o", "{out}", "--seed", "1.5"], "--seed: wanted a whole number from 0"),
        (["{model}", "-o", "{out}", "--threads", "-1"], "--threads: wanted a whole number from 0"),
        (["{model}", "-o", "{out}", "--device", "tpu"], "--device: wanted cpu or cuda, got 'tpu'"),
        (["{model}", "-o", "{out}", "--shards", "2"], "unknown option --shards"),
        (["{model}", "-o", "{out}", "--cif=yes"], "--cif: wanted no value, got 'yes'"),
        (["{model}", "-o", "{out}", "--batch="], "--batch: wanted a value, got none"),
        (["{model}", "-o", "{out}", "--batch=0"], "--batch: wanted a whole number from 1 to 65536, got '0'"),
        (["{model}", "-o", "{out}", "--shard", "4/4"], "--shard: wanted K/N with K from 0 to N-1, as 0/4, got '4/4'"),
        (["{model}", "-o", "{out}", "--shard", "-1/4"], "--shard: wanted K/N"),
        (["{model}", "-o", "{out}", "--shard", "0/0"], "--shard: wanted K/N"),
        (["{model}", "-o", "{out}", "--shard", "half"], "--shard: wanted K/N"),
        (["{model}", "-o", "{out}", "--temperature", "0"], "--temperature: wanted a positive number, got '0'"),
        (
            ["{model}", "-o", "{out}", "--min-atoms", "9", "--max-atoms", "8"],
            "--min-atoms and --max-atoms: nothing passes",
        ),
        (
            ["{model}", "-o", "{out}", "--temperature", "2", "--latents", "z.npy"],
            "--temperature and --latents: only what",
        ),
        (["{model}", "-o", "{out}", "-n", "9223372036854775807"], "-n: wanted a whole number from 1 to 1000000000000"),
        (["{model}", "-o", "{out}", "--largest-density", "1e300"], "--largest-density: wanted a positive number"),
        (["{model}", "-o", "{out}", "--min-distance", "nan"], "--min-distance: wanted a positive number, got 'nan'"),
        (["{model}", "-o", "{out}", "--max-atoms", "few"], "--max-atoms: wanted a whole number from 0"),
        (["{model}", "-o", "{out}", "--precision", "fp8"], "--precision: wanted fp32 or bf16, got 'fp8'"),
        (["{model}", "-o", "{out}", "--precision", "bf16"], "--precision bf16: this model has no U-Net to run in it"),
        (["{model}", "-o", "{out}", "--latents", "absent.npy"], "absent.npy: cannot be read: No such file"),
        (["{model}", "-o", "{model}"], "a file has that name"),
        (["{model}", "-o", "{model}/out"], "cannot be made: Not a directory"),
    ],
)
def test_bad_options_end_in_one_line(
    sampler: Path, mirror: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    out = tmp_path / "out"
    assert_refused(run(sampler, *(a.format(model=mirror, out=out) for a in arguments)), message)
    assert not out.exists()


def test_what_is_no_density_is_refused_and_what_is_done_is_kept(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    z = np.ones((20, 216), np.float32)
    z[17] = 1e-30
    np.save(tmp_path / "z.npy", z)
    command = [mirror, "-o", tmp_path / "out", "--latents", tmp_path / "z.npy", "--batch", 8, "--largest-density", 3e38]
    assert_refused(run(sampler, *command), "structure 16 or one soon after decodes to a density that is not finite")
    assert manifest(tmp_path / "out")["next"] == 16


def test_with_its_streams_closed_it_writes_the_same(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    sampled(sampler, mirror, tmp_path / "open", "-n", 500, "--batch", 1)
    words = shlex.join(map(str, [sampler, mirror, "-o", tmp_path / "closed", "-n", 500, "--batch", 1]))
    assert subprocess.run(f"exec {words} <&- >&- 2>&-", shell=True, timeout=120).returncode == 0
    assert (tmp_path / "closed/samples.xyz").read_bytes() == (tmp_path / "open/samples.xyz").read_bytes()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_refused(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    assert_refused(run(sampler, mirror, "-o", tmp_path / "out", "--device", "cuda"), "no usable CUDA device")
    assert not (tmp_path / "out").exists()


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_truncated, "not a crystalgrid model, or truncated"),
        (lambda path: path.write_text("text"), "not a crystalgrid model, or truncated"),
        (lambda path: path.write_bytes(script_network(torch.nn.Identity())), "not a crystalgrid model"),
        (lambda path: torch.save({}, path), "not a crystalgrid model"),
        (lambda path: write_mirror(path, format=7), "artifact format 7; this program knows format 1"),
        (lambda path: write_mirror(path, grid=None), "'n' is missing"),
    ],
)
def test_files_that_are_no_models_are_refused(sampler: Path, mirror: Path, tmp_path: Path, spoil, message: str) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(mirror.read_bytes())
    spoil(path)
    assert_refused(run(sampler, path, "-o", tmp_path / "out"), message)
    assert not (tmp_path / "out").exists()


def test_an_altered_weight_is_refused(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    content = mirror.read_bytes()
    weight = np.float32(1.5).tobytes()
    assert content.count(weight) == 1
    (tmp_path / "model.pt").write_bytes(content.replace(weight, np.float32(2.5).tobytes()))
    assert_refused(run(sampler, tmp_path / "model.pt", "-o", tmp_path / "out"), "its checksum does not match")


def test_a_folder_with_content_is_left_alone(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert_refused(run(sampler, mirror, "-o", tmp_path), "exists and is not empty")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


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


def command(*arguments: object, cache: Path) -> subprocess.CompletedProcess:
    """`crystalgrid-sample` as a user starts it."""
    start = [sys.executable, "-c", "from crystalgrid.commands.entry import sample; sample()", *map(str, arguments)]
    return subprocess.run(
        start, capture_output=True, text=True, timeout=300, env={**os.environ, "XDG_CACHE_HOME": str(cache)}
    )


def test_the_command_becomes_the_sampler(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    done = command(mirror, "-n", 5, "-o", tmp_path / "out", cache=sampler.parents[1])
    assert done.returncode == 0, done.stderr
    assert re.search(r"samples\.xyz: 5 structures, 0 of them without atoms, [\d.]+ structures/s", done.stdout)
    assert len(ase.io.read(tmp_path / "out/samples.xyz", ":")) == 5
    assert not (tmp_path / "out/density.npy").exists()


def test_the_command_names_a_missing_model_before_it_builds(tmp_path: Path) -> None:
    done = command("absent", "-o", tmp_path / "out", cache=tmp_path / "cache")
    assert_refused(done, "absent: no such file, run folder or released model")
    assert not (tmp_path / "cache").exists()


EXPORT = Path(__file__).parents[1] / "export"


def option_names() -> set[str]:
    groups = json.loads((EXPORT / "options.json").read_text("utf-8"))["groups"]
    return {option["name"] for group in groups for option in group["options"]}


def test_both_helps_and_the_readme_have_every_option_of_the_table(sampler: Path) -> None:
    rows = re.findall(r"^\| (`-.*?) \|", (EXPORT / "README.md").read_text("utf-8"), re.M)
    named = (r"--([a-z][a-z-]*)", r"(?<![\w-])-([a-z])\b")
    by_program, by_python, by_readme = (
        [set(re.findall(pattern, text)) for pattern in named]
        for text in (run(sampler, "--help").stdout, parser().format_help(), "\n".join(rows))
    )
    assert option_names() == by_program[0] == by_python[0] == by_readme[0]
    assert {"o", "n", "h"} == by_program[1] == by_python[1] == by_readme[1]


def test_help_needs_no_torch_and_no_compiler(tmp_path: Path) -> None:
    code = "import sys; from crystalgrid.commands.entry import sample\ntry: sample()\nfinally: print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert "--temperature T" in done.stdout
    assert not {"torch", "numpy", "tyro"} & set(done.stdout.splitlines()[-1].split())


def test_every_option_reaches_the_program(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    short = ["-o", str(tmp_path), "-n", "3", "--seed=3", "--no-prior", "--shard", "0/1", "--min-distance", "0.5"]
    options = vars(parser().parse_args([str(mirror), *short]))
    assert options.pop("model") == str(mirror)
    words = as_words(options)
    assert words == [
        f"--out={tmp_path}", "--number=3", "--seed=3", "--no-prior", "--shard=0/1", "--min-distance=0.5",
    ]  # fmt: skip
    assert run(sampler, mirror, *words).returncode == 0
    settings = manifest(tmp_path)["settings"]
    assert [settings[name] for name in ("number", "seed", "shard", "min_distance")] == [3, 3, "0/1", 0.5]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "out"], "the following arguments are required: MODEL"),
        (["model.pt", "-o", "out", "--bogus"], "unrecognized arguments: --bogus"),
        (["model.pt", "-o", "out", "--see", "3"], "unrecognized arguments: --see"),
        (["model.pt", "-o", "out", "--seed"], "argument --seed: expected one argument"),
    ],
)
def test_the_command_refuses_what_the_table_does_not_have(words: list[str], message: str) -> None:
    with pytest.raises(cg.InputError, match=re.escape(message)):
        parser().parse_args(words)


def test_a_build_that_fails_names_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", "/no/such/compiler")
    with pytest.raises(cg.InputError, match=r"could not be built .* see (.*\.log)") as refused:
        sample.sampler()
    log = Path(str(refused.value).rpartition(" ")[2])
    assert "/no/such/compiler" in log.read_text()
    assert sorted(path.name for path in log.parent.iterdir()) == sorted([log.name, "lock"])
