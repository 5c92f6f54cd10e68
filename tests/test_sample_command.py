"""The command `crystalgrid-sample`: its options reach the C++ sampler, which is built and started."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import ase.io
import pytest

import crystalgrid as cg
from crystalgrid.artifacts import sampler as sample
from crystalgrid.commands.sample import as_words, parser
from programs import assert_refused, manifest, run


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
        (["-o", "out"], "wanted MODEL; --help lists"),
        (["model.pt", "-o", "out", "--bogus"], "unrecognized arguments: --bogus"),
        (["model.pt", "-o", "out", "--see", "3"], "unrecognized arguments: --see"),
        (["model.pt", "-o", "out", "--seed"], "--seed: wanted a value, got none"),
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
    lock = f".{log.stem}.lock"
    assert {path.name for path in log.parent.iterdir()} == {log.name, lock}
