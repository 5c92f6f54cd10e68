"""crystalgrid-data pack: which crystals are kept or listed, and that a failure leaves no file behind."""

import csv
import os
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from crystal_files import BAD_CIFS, caesium_chloride, cif, mixed_folder
from crystalgrid.commands import entry
from crystalgrid.commands.data import pack
from crystalgrid.data import reader
from crystalgrid.data.formats.xyz import parse_xyz
from crystalgrid.data.load import load_crystals
from crystalgrid.data.reader import Job, read
from crystalgrid.errors import InputError


def run(monkeypatch, *arguments):
    """Return the exit code of the command."""
    monkeypatch.setattr(sys, "argv", ["crystalgrid-data", "pack", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        entry.data()
    return end.value.code


def test_mixed_folder(tmp_path, monkeypatch, capsys):
    mixed_folder(tmp_path / "mixed", n_good=20)
    out = tmp_path / "crystals.parquet"
    assert run(monkeypatch, tmp_path / "mixed", "-o", out, "--workers", "1") == 0
    output = capsys.readouterr()
    assert "kept 21 of 33 crystals" in output.out
    lines = [line for line in output.err.splitlines() if line.startswith("left out: ")]
    assert lines[0].startswith("left out: 9 cannot be read: ")
    assert lines[-1].startswith("left out: 1 not of a format that is read: ")

    table = pq.read_table(out)
    assert table.column_names == [
        "immutable_id", "split", "nsites", "lattice_vectors", "cartesian_site_positions", "species_at_sites",
    ]  # fmt: skip
    assert table["immutable_id"].to_pylist() == ["deeper/POSCAR", *(f"good{i:03}" for i in range(20))]
    assert set(table["split"].to_pylist()) <= {"train", "val", "test"}

    rows = list(csv.DictReader((tmp_path / "crystals.left_out.csv").read_text().splitlines()))
    reasons = {row["id"] or row["file"]: row["reason"] for row in rows}
    assert reasons["bad_disordered"] == "disordered"
    assert reasons["bad_heavy"] == "cannot be read"
    assert reasons["large"] == "longest side of 10 Å or more"
    assert reasons[str(tmp_path / "mixed" / "notes.txt")] == "not of a format that is read"
    assert len(rows) == len(BAD_CIFS) + 2


def test_processes_give_the_same_bytes(tmp_path):
    mixed_folder(tmp_path / "mixed", n_good=10)
    pack((tmp_path / "mixed",), tmp_path / "one.parquet", workers=1)
    pack((tmp_path / "mixed",), tmp_path / "two.parquet", workers=2)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    assert (tmp_path / "one.left_out.csv").read_text() == (tmp_path / "two.left_out.csv").read_text()


def test_long_lists_are_cut_on_the_terminal_and_whole_in_the_file(tmp_path, capsys):
    rows = ["id,cif", *(f"bad-{i},junk" for i in range(50)), f'good,"{cif()}"']
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
    pack((tmp_path / "a.csv",), tmp_path / "a.parquet", workers=1)
    lines = capsys.readouterr().err.splitlines()
    [line] = [line for line in lines if line.startswith("left out: ")]
    assert line.startswith("left out: 50 cannot be read: ")
    assert line.endswith("; and 47 more")
    assert len((tmp_path / "a.left_out.csv").read_text().splitlines()) == 51
    assert load_crystals(tmp_path / "a.parquet").ids.tolist() == ["good"]


def test_given_splits_are_carried_over(tmp_path):
    (tmp_path / "a.cif").write_text(cif())
    pack((tmp_path / "a.cif",), tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    pq.write_table(table.set_column(1, "split", [["test"]]), tmp_path / "b.parquet")
    pack((tmp_path / "b.parquet",), tmp_path / "c.parquet")
    assert pq.read_table(tmp_path / "c.parquet")["split"].to_pylist() == ["test"]


def test_what_is_packed_is_what_was_read(tmp_path):
    (tmp_path / "a.cif").write_text(cif())
    pack((tmp_path,), tmp_path / "a.parquet")
    crystal, expected = load_crystals(tmp_path / "a.parquet")[0], caesium_chloride()
    np.testing.assert_allclose(crystal.positions, expected.positions, atol=1e-12)
    np.testing.assert_array_equal(crystal.numbers, expected.numbers)


def test_packing_into_the_source_folder_again(tmp_path, capsys):
    (tmp_path / "a.cif").write_text(cif())
    pack((tmp_path,), tmp_path / "a.parquet")
    pack((tmp_path,), tmp_path / "a.parquet", overwrite=True)
    pack((tmp_path / ".." / tmp_path.name,), tmp_path / "a.parquet", overwrite=True)
    assert "kept 1 of 1 crystals" in capsys.readouterr().out.splitlines()[-1]


def test_crystals_of_the_same_id_get_ids_of_their_own(tmp_path, capsys):
    names = ("a/x.cif", "b/x.cif", "b/x.mcif")
    for name, side in zip(names, (4, 5, 6), strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(cif(a=side))
    (tmp_path / "c.csv").write_text(f'id,cif\nx,"{cif(a=7)}"\nx,"{cif(a=8)}"\ny,"{cif(a=9)}"\n')
    sources = tuple(tmp_path / name for name in ("a", "b", "c.csv"))
    pack(sources, tmp_path / "out.parquet", report=tmp_path / "report.csv")
    crystals = load_crystals(tmp_path / "out.parquet")
    assert crystals.ids.tolist() == ["x", "x#2", "x#3", "x#4", "x#5", "y"]
    assert [crystal.longest_side for crystal in crystals] == [4, 5, 6, 7, 8, 9]
    assert "kept 6 of 6 crystals; in 4 of them the id was that of an earlier crystal" in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "report.csv").read_text().splitlines()))
    assert [row["id"] for row in rows if "earlier crystal" in row["reason"]] == ["x#2", "x#3", "x#4", "x#5"]


def test_a_file_that_is_given_again_is_read_once(tmp_path, capsys):
    pack((tmp_path, good(tmp_path)), tmp_path / "out.parquet")
    output = capsys.readouterr()
    assert "kept 1 of 1 crystals" in output.out
    assert "warning: 1 files are given more than once, and read once" in output.err


def test_a_folder_that_a_command_has_written_is_read_once(tmp_path, capsys):
    folder = tmp_path / "draws"
    (folder / "cif").mkdir(parents=True)
    (folder / "crystals.csv").write_text("index,formula\n0,CsCl\n")
    (folder / "cif/0.cif").write_text(cif())
    load_crystals(folder / "cif")[0].write(folder / "crystals.xyz")
    capsys.readouterr()
    pack((folder,), tmp_path / "out.parquet")
    assert "kept 1 of 1 crystals" in capsys.readouterr().out


def test_a_column_of_splits_is_kept_and_its_typos_are_told(tmp_path, capsys):
    rows = [f'{split},"{cif(a=4 + i)}"' for i, split in enumerate(("test", "trian", "", "val"))]
    (tmp_path / "a.csv").write_text("\n".join(["split,cif", *rows]) + "\n")
    pack((tmp_path / "a.csv",), tmp_path / "a.parquet")
    assert pq.read_table(tmp_path / "a.parquet")["split"].to_pylist()[::2] == ["test", "val"]
    assert "crystal 1: split: wanted train, val, test or nothing, got 'trian'" in capsys.readouterr().err


def test_links_that_lead_nowhere_are_listed(tmp_path, capsys):
    good(tmp_path)
    (tmp_path / "b.cif").symlink_to(tmp_path / "gone.cif")
    (tmp_path / "more").symlink_to(tmp_path)
    pack((tmp_path,), tmp_path / "a.parquet")
    output = capsys.readouterr()
    assert "kept 1 of 3 crystals" in output.out
    assert f"left out: 1 cannot be read: {tmp_path / 'b.cif'}: No such file" in output.err
    assert f"left out: 1 a link to a folder, which is not followed: {tmp_path / 'more'}" in output.err


@pytest.mark.parametrize("link", [False, True])
def test_a_pipe_is_listed_and_not_waited_for(tmp_path, capsys, link):
    good(tmp_path)
    (tmp_path / ".hidden").mkdir()
    pipe = tmp_path / (".hidden/b.cif" if link else "b.cif")
    os.mkfifo(pipe)
    if link:
        (tmp_path / "b.cif").symlink_to(pipe)
    pack((tmp_path,), tmp_path / "a.parquet", workers=1)
    output = capsys.readouterr()
    assert "kept 1 of 2 crystals" in output.out
    assert f"left out: 1 cannot be read: {tmp_path / 'b.cif'}: a pipe, a socket or a device" in output.err


def test_a_cell_without_room_for_its_atoms_is_left_out(tmp_path):
    (tmp_path / "nanometres.cif").write_text(cif(a=0.4))
    with pytest.raises(InputError, match=r"nanometres\.cif: less than 0\.1 Å³ per atom"):
        pack((tmp_path,), tmp_path / "a.parquet")


def test_an_atom_whose_place_in_the_cell_is_lost_is_left_out(tmp_path):
    (tmp_path / "far.xyz").write_text('1\nLattice="4 0 0 0 4 0 0 0 4"\nCs 1e12 0 0\n')
    with pytest.raises(InputError, match=r"far\.xyz: crystal 0: an atom more than 1e\+06 cells away"):
        pack((tmp_path,), tmp_path / "a.parquet")


def test_files_without_crystals_are_listed(tmp_path, capsys):
    pack((good(tmp_path),), tmp_path / "b.parquet")
    pq.write_table(pq.read_table(tmp_path / "b.parquet")[:0], tmp_path / "b.parquet")
    (tmp_path / "b.csv").write_text("id,cif\n")
    (tmp_path / "b.json").write_text("[]")
    pack((tmp_path,), tmp_path / "out.parquet")
    [line] = [line for line in capsys.readouterr().err.splitlines() if ": 3 no crystals in it" in line]
    assert line.endswith("; ".join(str(tmp_path / name) for name in ("b.csv", "b.json", "b.parquet")))
    for name in ("b.json", "b.parquet"):
        with pytest.raises(InputError, match=rf"{name}: no crystals in it"):
            pack((tmp_path / name,), tmp_path / "none.parquet")
        with pytest.raises(InputError, match=rf"{name}: no crystals in it"):
            read(tmp_path / name)


def good(folder):
    (folder / "a.cif").write_text(cif())
    return folder / "a.cif"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda d: (d / "nowhere", "-o", d / "x.parquet"), "nowhere: no such file or folder"),
        (lambda d: (d, "-o", d / "x.parquet"), "got an empty one"),
        (lambda d: (good(d), "-o", d / "x.csv"), "wanted a name that ends in .parquet"),
        (lambda d: (good(d), "-o", d / "missing" / "x.parquet"), "does not exist"),
        (
            lambda d: (good(d), "-o", d / "x.parquet", "--max-side", "0"),
            "max-side: wanted a positive number of Å, got 0.0",
        ),
        (lambda d: (good(d), "-o", d / "x.parquet", "--max-side", "nan"), "max-side"),
        (lambda d: (good(d), "-o", d / "x.parquet", "--max-side", "3"), "a.cif: longest side of 3 Å or more"),
        (lambda d: (good(d), "-o", d / "x.parquet", "--workers", "0"), "workers: wanted at least 1, got 0"),
        (lambda d: ("-o", d / "x.parquet"), "sources: wanted files or folders"),
        (lambda d: (good(d), "-o", d / "x.parquet", "--seed", "-1"), "--seed: wanted a whole number from 0"),
        (lambda d: (good(d), "-o", d / "x.parquet", "--workers", "two"), "--workers: wanted a whole number, got 'two'"),
        (lambda d: (good(d),), "wanted -o PATH, --out PATH (the Parquet file to write)"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, capsys, arguments, message):
    assert run(monkeypatch, *arguments(tmp_path)) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert [path.name for path in tmp_path.iterdir()] in ([], ["a.cif"])


def test_an_existing_file_is_kept(tmp_path):
    out = tmp_path / "x.parquet"
    out.write_text("mine")
    with pytest.raises(InputError, match=r"x\.parquet: exists; choose another name or add --overwrite"):
        pack((good(tmp_path),), out)
    assert out.read_text() == "mine"


def test_interrupt_leaves_nothing(tmp_path, monkeypatch):
    mixed_folder(tmp_path / "mixed", n_good=30)
    jobs = []

    def interrupted(job, max_side):
        jobs.append(job)
        if len(jobs) == 25:
            raise KeyboardInterrupt
        return parse(job, max_side)

    parse = reader.parse
    monkeypatch.setattr(reader, "parse", interrupted)
    assert run(monkeypatch, tmp_path / "mixed", "-o", tmp_path / "x.parquet", "--workers", "1") == 130
    assert [path.name for path in tmp_path.iterdir()] == ["mixed"]


FRAME = '1\nLattice="4 0 0 0 4 0 0 0 4"\nCs 0 0 0'


def die(_text: str) -> None:
    os._exit(9)


def test_a_process_that_dies_costs_one_crystal(monkeypatch):
    all_jobs = [Job(f"{i}.cif", str(i), die if i == 17 else parse_xyz, FRAME) for i in range(20)]
    monkeypatch.setattr(reader, "open_jobs", lambda _files: iter(all_jobs))
    result = reader.read_files([], max_side=10, workers=2)
    assert result.crystals.ids.tolist() == [str(i) for i in range(20) if i != 17]
    assert [str(crystal) for crystal in result.skipped] == ["17.cif: cannot be read: the process that read it died"]
