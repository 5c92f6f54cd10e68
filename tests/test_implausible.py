"""Results that make no sense are said so in one line, with what to do; results that do are not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from artifacts import write_untrained_run
from crystalgrid import Crystal, Recovered
from crystalgrid.artifacts.checkpoint import read_checkpoint
from crystalgrid.artifacts.metadata import DataInfo, RunInfo, StartInfo
from crystalgrid.artifacts.short_runs import warn_if_short
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.report.crystal_table import row_of
from crystalgrid.report.implausible import warn_of_contacts, warn_of_elements, warn_of_recall
from zoo import PEROVSKITE, ZOO

ADVICE = "train longer, or start from a released model: crystalgrid-train --start mp10a-repeated"


@pytest.fixture(scope="module")
def info(tmp_path_factory) -> RunInfo:
    folder = tmp_path_factory.mktemp("run")
    write_untrained_run(folder, "repeated")
    return read_checkpoint(folder / "checkpoints" / "last.ckpt").info


def test_a_run_of_few_steps_is_warned_of(info: RunInfo, capsys) -> None:
    steps = info.recipe.optimizer.steps
    warn_if_short("run", replace(info, step=3))
    assert capsys.readouterr().err == (
        f"warning: run: trained for 3 of the {steps:,} steps of its recipe, too few to have learned; {ADVICE}\n"
    )
    warn_if_short("run", replace(info, step=steps // 2))
    started = replace(info, start=StartInfo("mp10a-repeated", DataInfo()))
    warn_if_short("run", replace(started, step=20))
    assert capsys.readouterr().err == ""
    warn_if_short("run", replace(started, step=1))
    assert "warning: run: trained for 1 step, too few to have learned; train longer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("recall", "line"),
    [
        (0.0, f"warning: run: no atom of 120 was found, so that it has learned nothing of use; {ADVICE}\n"),
        (0.012, f"warning: run: 1.2 % of 120 atoms were found, so that it has learned nothing of use; {ADVICE}\n"),
        (0.29, ""),
        (None, ""),
    ],
)
def test_a_recall_of_zero_is_warned_of(recall: float | None, line: str, capsys) -> None:
    warn_of_recall("run", {"recall_0p5A": recall, "n_true": 120, "mode": "repeated"})
    assert capsys.readouterr().err == line


def test_atoms_in_one_place_are_warned_of_and_marked(capsys) -> None:
    close = Crystal(5 * np.eye(3), [[0, 0, 0], [0, 0, 1.2e-5]], [3, 54])
    rows = [row_of(index, Recovered(crystal, 1.0, None)) for index, crystal in enumerate([close, PEROVSKITE])]
    assert [row.valid for row in rows] == ["atoms 6e-05 Å apart", "true"]
    warn_of_contacts(np.array([row.smallest_distance for row in rows]), 0.45)
    assert capsys.readouterr().err == (
        "warning: 1 of 2 crystals is marked invalid, with two atoms less than 0.45 Å apart (the nearest 6e-05 Å); "
        f"leave it out, or {ADVICE}\n"
    )
    warn_of_contacts(np.array([1.9, 2.1]), 0.45)
    assert capsys.readouterr().err == ""


def test_elements_that_were_never_seen_are_warned_of(capsys) -> None:
    known = CrystalSet.from_crystals([PEROVSKITE])
    warn_of_elements(CrystalSet.from_crystals([PEROVSKITE, ZOO["cubic"], ZOO["hexagonal"]]), known)
    assert capsys.readouterr().err == (
        f"warning: 2 of 3 crystals have elements that no known crystal has (Mg, Zn); leave them out, or {ADVICE}\n"
    )
    warn_of_elements(CrystalSet.from_crystals([ZOO["many atoms"]]), known)
    assert (
        "has elements that no known crystal has (H, Be, C, N, F, Cl, Ar, K, …); leave it out" in capsys.readouterr().err
    )
    warn_of_elements(known, known)
    assert capsys.readouterr().err == ""


def test_the_run_of_a_test_says_so_where_it_is_evaluated(tmp_path: Path, capsys) -> None:
    from crystalgrid.report.evaluation import load_model_and_crystals

    write_untrained_run(tmp_path, "repeated")
    load_model_and_crystals(str(tmp_path), "prototypes", 0)
    assert f"warning: {tmp_path}: trained for " in capsys.readouterr().err
