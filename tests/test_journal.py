"""Journals: what a stopped run leaves is gone on with, and no other file is touched."""

import json
from pathlib import Path

import pytest

from crystalgrid.errors import InputError
from crystalgrid.worth.journal import read_journal

SETTINGS = {"calculator": "chgnet", "steps": 5}
FIRST, ROW = json.dumps(SETTINGS), json.dumps({"id": "a", "energy": 1.0})


@pytest.mark.parametrize(
    ("content", "rows", "kept"),
    [
        ("", {}, ""),
        (FIRST[:9], {}, ""),
        (f"{FIRST}\n", {}, f"{FIRST}\n"),
        (f"{FIRST}\n{ROW}\n{ROW[:4]}", {"a": {"energy": 1.0}}, f"{FIRST}\n{ROW}\n"),
    ],
)
def test_a_last_line_that_is_not_whole_is_cut_off(content: str, rows: dict, kept: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_text(content)
    assert read_journal(journal, SETTINGS) == rows
    assert journal.read_text() == kept


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"notes": "of mine"}', "damaged, or not a journal of this command"),
        ("first\nsecond", "damaged, or not a journal of this command"),
        ('{"calculator": "7net-0"}\n{"id": "a"}\n{"id"', "holds results of other settings .*steps None, now 5"),
    ],
)
def test_another_file_stays_as_it_is(content: str, message: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_text(content)
    with pytest.raises(InputError, match=message):
        read_journal(journal, SETTINGS)
    assert journal.read_text() == content
