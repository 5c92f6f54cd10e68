"""The record of how a folder of crystals was made: the commands, settings and versions, one step after another."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .. import __version__

STEPS, MANIFEST = "steps.json", "manifest.json"
"""The record that `check` and later commands write into their folders, and the sampler's own."""
Step = dict[str, Any]
"""What one command did: its `command` as words of a shell, its `settings`, the `versions` of what it ran."""


def write_steps(
    folder: Path,
    sources: Iterable[Path],
    words: Iterable[object],
    settings: Mapping[str, Any] | None = None,
    packages: Iterable[str] = (),
) -> None:
    """Write into a folder how it was made: the steps of its sources, and then the command that wrote it.

    words: the command and its arguments. settings: what the words do not say. packages: those whose versions count.
    """
    command = shlex.join(["crystalgrid", *map(str, words)])
    step = {"command": command, "settings": dict(settings or {}), "versions": versions(packages)}
    steps: list[Step] = []
    for earlier in [*(step for source in sources for step in read_steps(source)), step]:
        if earlier not in steps:
            steps.append(earlier)
    text = json.dumps({"steps": steps}, indent=1, ensure_ascii=False)
    (folder / STEPS).write_text(text + "\n", encoding="utf-8")


def read_steps(source: Path) -> list[Step]:
    """Return the steps by which a folder, or the folder of a file, was made; none if nothing tells."""
    folder = source if source.is_dir() else source.parent
    try:
        if (folder / STEPS).is_file():
            steps = json.loads((folder / STEPS).read_text(encoding="utf-8"))["steps"]
            return [step for step in steps if isinstance(step, dict) and isinstance(step.get("command"), str)]
        if (folder / MANIFEST).is_file():
            settings = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["settings"]
            return [{"command": sampling(settings), "settings": settings, "versions": settings.pop("versions", {})}]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # another program's file of that name, or a damaged one, tells nothing
    return []


def sampling(settings: Mapping[str, Any]) -> str:
    """Return the command that sampled with the settings of a manifest.

    A manifest has the model's checksum alone; its name is that of the cached export, or MODEL if there is none.
    """
    from ..artifacts.sampler import name_of_model

    filters = {name: value for name, value in settings.items() if name.startswith(("min_", "max_"))}
    options = {"number": settings["number"], "seed": settings["seed"], **(settings.get("conditions") or {}), **filters}
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value is not None]
    model = name_of_model(str(settings.get("model"))) or "MODEL"
    return shlex.join(["crystalgrid", "sample", model, *words])


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the version of this package and of those others that are installed."""
    found = {"crystalgrid": __version__}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
