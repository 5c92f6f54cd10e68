"""Fetching crystals: from a real OPTIMADE server on this machine, from servers that misbehave, from files of others."""

import csv
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from crystal_files import caesium_chloride, structure
from crystalgrid.data.fetch import optimade
from crystalgrid.data.fetch.collect import Collection, collect, pages_of
from crystalgrid.data.fetch.fetch import fetch_crystals
from crystalgrid.data.fetch.files import summary_items
from crystalgrid.data.fetch.properties import properties
from crystalgrid.data.load import load_crystals
from crystalgrid.errors import InputError
from optimade_server import ORDERED

SERVER = Path(__file__).with_name("optimade_server.py")
PAGE_LIMIT = 3
PROPERTIES = ["e_above_hull", "formation_energy_per_atom", "band_gap"]


def fetch(source, place, out, **options):
    """Fetch with the defaults of the command."""
    defaults = {
        "query": "", "api_key": "", "licence": "not stated", "max_side": 10.0, "seed": 0, "resume": False,
        "overwrite": False,
    }  # fmt: skip
    fetch_crystals(source, str(place), out, **(defaults | options))


@pytest.fixture(scope="module")
def server():
    """Yield the URL of an OPTIMADE server with an in-memory database, in a process of its own."""
    pytest.importorskip("optimade.server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(SERVER), str(port), str(PAGE_LIMIT)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/v1/info", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, process.stderr.read().decode()
                time.sleep(0.2)
        yield url
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def answers(monkeypatch):
    """Yield a function that starts a server which gives the listed answers, (status, headers, body), one by one."""
    monkeypatch.setattr(optimade, "BETWEEN_REQUESTS", 0.0)
    servers = []

    def start(*listed):
        remaining = list(listed)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, headers, body = remaining.pop(0) if len(remaining) > 1 else remaining[0]
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


INFO = (200, {}, {"data": {"attributes": {"license": {"href": "https://example.org/cc"}}}, "meta": {}})
INFO_STRUCTURES = (200, {}, {"data": {"properties": {}}})


def page(*ids, following=None, total=None):
    """Return an answer with caesium chloride under each of the ids."""
    crystal = caesium_chloride()
    attributes = {
        "lattice_vectors": crystal.lattice.tolist(), "cartesian_site_positions": crystal.positions.tolist(),
        "species_at_sites": ["Cs", "Cl"],
    }  # fmt: skip
    data = [{"id": id, "type": "structures", "attributes": attributes} for id in ids]
    return (200, {}, {"data": data, "links": {"next": following}, "meta": {"data_returned": total}})


def test_an_optimade_server(server, tmp_path, capsys):
    fetch("optimade", server, tmp_path / "a.parquet")
    output = capsys.readouterr()
    table = pq.read_table(tmp_path / "a.parquet")
    assert table["immutable_id"].to_pylist() == [*(f"salt-{i}" for i in range(ORDERED)), "salt-23"]
    assert table.column_names[-3:] == PROPERTIES
    assert table["band_gap"].to_pylist() == [*(0.5 * i for i in range(ORDERED)), None]
    assert table["e_above_hull"].to_pylist() == [*(0.01 * i for i in range(ORDERED)), None]
    about = {name.decode(): value.decode() for name, value in table.schema.metadata.items()}
    assert about["source"] == server
    assert about["provider"] == "Example provider"
    assert about["query"] == ""
    assert about.keys() >= {"licence", "date"}
    with (tmp_path / "a.left_out.csv").open(newline="") as file:
        reasons = {row["id"]: row["reason"] for row in csv.DictReader(file)}
    assert reasons == {
        "salt-20": "disordered", "salt-21": "cannot be read", "salt-22": "longest side of 10 Å or more",
    }  # fmt: skip
    assert f"kept {ORDERED + 1} of {ORDERED + 4} crystals" in output.out
    assert f"fetching: {ORDERED + 4} of {ORDERED + 4}" in output.err
    crystals = load_crystals(tmp_path / "a.parquet")
    assert len(crystals) == ORDERED + 1
    np.testing.assert_allclose(crystals[1].lattice, 2.02 * (1 - np.eye(3)))


def test_a_filter(server, tmp_path):
    fetch("optimade", f"{server}/v1/", tmp_path / "a.parquet", query="_exmpl_band_gap<1.2")
    table = pq.read_table(tmp_path / "a.parquet")
    assert table["band_gap"].to_pylist() == [0.0, 0.5, 1.0]
    with pytest.raises(InputError, match="400 Bad Request: Unable to parse filter"):
        fetch("optimade", server, tmp_path / "b.parquet", query="elements HAS HAS")
    with pytest.raises(InputError, match="no crystals found"):
        fetch("optimade", server, tmp_path / "b.parquet", query='elements HAS "Xe"')
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.left_out.csv", "a.parquet"]


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on(server, tmp_path):
    fetch("optimade", server, tmp_path / "whole.parquet")
    out = tmp_path / "killed.parquet"
    code = (
        "import sys; from crystalgrid.data.fetch import optimade; from crystalgrid.__main__ import main;"
        "optimade.BETWEEN_REQUESTS = 1.0; main()"
    )
    command = [sys.executable, "-c", code, "data", "fetch", "optimade", server, "-o", str(out)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    state = out.with_suffix(".parts") / "state.json"
    while not state.exists() or json.loads(state.read_text())["pages"] < 2:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    pages = json.loads(state.read_text())["pages"]
    assert 2 <= pages < (ORDERED + 4) / PAGE_LIMIT
    with pytest.raises(InputError, match=r"holds a run that was stopped; add --resume"):
        fetch("optimade", server, out)
    with pytest.raises(InputError, match="begun from another source or with other options"):
        fetch("optimade", server, out, max_side=9.0, resume=True)
    fetch("optimade", server, out, resume=True)
    assert pq.read_table(out).equals(pq.read_table(tmp_path / "whole.parquet"))
    assert out.with_suffix(".left_out.csv").read_text() == (tmp_path / "whole.left_out.csv").read_text()
    assert not state.parent.exists()


def test_a_busy_server_is_asked_again_when_it_says(answers, monkeypatch, tmp_path):
    waits = []
    monkeypatch.setattr(optimade.time, "sleep", waits.append)
    busy = (429, {"Retry-After": "7"}, {})
    url = answers(INFO, INFO_STRUCTURES, busy, (503, {}, b"not now"), page("a", total=1))
    fetch("optimade", url, tmp_path / "a.parquet")
    assert [seconds for seconds in waits if seconds >= 1] == [7.0, 2.0]
    assert b"https://example.org/cc" in pq.read_schema(tmp_path / "a.parquet").metadata[b"licence"]


def test_a_server_that_stays_busy(answers, monkeypatch, tmp_path):
    monkeypatch.setattr(optimade.time, "sleep", lambda _: None)
    url = answers((429, {"Retry-After": "1"}, {}))
    with pytest.raises(InputError, match=r"/v1/info: the server answers 429 Too Many Requests$"):
        fetch("optimade", url, tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, {}, b"<html>hello</html>"), "wanted an answer in JSON; is it the base URL of an OPTIMADE server?"),
        ((200, {}, [1, 2]), "wanted an answer in JSON"),
        ((200, {}, b"\xff\xfe\x00"), "wanted an answer in JSON"),
        ((404, {}, b"<html>"), "the server answers 404 Not Found"),
        ((400, {}, {"errors": [{"detail": "no such thing\nat line 3"}]}), "answers 400 Bad Request: no such thing$"),
    ],
)
def test_servers_that_are_none(answers, tmp_path, answer, words):
    with pytest.raises(InputError, match=words) as error:
        fetch("optimade", answers(answer), tmp_path / "a.parquet")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_answers_that_are_no_structures(answers, tmp_path):
    with pytest.raises(InputError, match="wanted a list of structures, got NoneType"):
        fetch("optimade", answers(INFO, INFO_STRUCTURES, (200, {}, {"meta": {}})), tmp_path / "a.parquet")


def test_a_page_that_is_followed_by_itself(monkeypatch):
    monkeypatch.setattr(optimade, "answer", lambda link: page("a", following=link)[2])
    database = optimade.Database("http://a/v1/structures", "", "", "", ())
    with pytest.raises(InputError, match="the next page is the same one again"):
        next(optimade.pages(database, optimade.first_page(database, "")))


def test_pages_are_shorter_where_a_server_allows_no_long_ones(answers, tmp_path):
    refused = (403, {}, {"errors": [{"detail": "Max allowed page_limit is 30"}]})
    fetch("optimade", answers(INFO, INFO_STRUCTURES, refused, refused, page("a")), tmp_path / "a.parquet")
    assert pq.read_metadata(tmp_path / "a.parquet").num_rows == 1


def test_no_server(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(InputError, match=r"/v1/info: no answer \(Connection refused\)"):
            fetch("optimade", url, tmp_path / "a.parquet")
    with pytest.raises(InputError, match="example: wanted the base URL of an OPTIMADE server"):
        fetch("optimade", "example", tmp_path / "a.parquet")
    with pytest.raises(InputError, match="wanted the URL of a server, got none"):
        fetch("optimade", "", tmp_path / "a.parquet")


def jarvis_entries():
    """Return entries as JARVIS's files have them, the second with unknown properties."""
    crystal = caesium_chloride()
    atoms = {
        "lattice_mat": crystal.lattice.tolist(), "coords": crystal.frac_coords.tolist(), "elements": ["Cs", "Cl"],
        "cartesian": False,
    }  # fmt: skip
    stated = {"ehull": 0.02, "formation_energy_peratom": -1.5, "optb88vdw_bandgap": 5.1}
    unknown = dict.fromkeys(stated, "na")
    return [{"jid": "JVASP-1", "atoms": atoms, **stated}, {"jid": "JVASP-2", "atoms": atoms, **unknown}]


@pytest.mark.parametrize("packed", [False, True])
def test_jarvis(tmp_path, packed):
    path, out = tmp_path / "jdft.json", tmp_path / "a.parquet"
    path.write_text(json.dumps(jarvis_entries()))
    if packed:
        path = tmp_path / "jdft.json.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(tmp_path / "jdft.json", "jdft.json")
    fetch("jarvis", path, out, licence="public domain")
    table = pq.read_table(out)
    assert table["immutable_id"].to_pylist() == ["JVASP-1", "JVASP-2"]
    assert [table[name].to_pylist() for name in PROPERTIES] == [[0.02, None], [-1.5, None], [5.1, None]]
    assert table.schema.metadata[b"licence"] == b"public domain"
    with pytest.raises(InputError, match=r"a\.parquet: exists"):
        fetch("jarvis", path, out)
    fetch("jarvis", path, out, overwrite=True)


@pytest.mark.parametrize("content", ["{", '{"a": 1}', "[1]"])
def test_files_that_are_not_of_jarvis(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=r"a\.json: wanted a (JSON file|list of entries)"):
        fetch("jarvis", tmp_path / "a.json", tmp_path / "a.parquet")


def test_databases_of_ase(tmp_path):
    db, build = pytest.importorskip("ase.db"), pytest.importorskip("ase.build")
    with db.connect(tmp_path / "a.db") as database:
        database.write(build.bulk("Cu"), material_id="x-1", band_gap=0.0, hull_distance=0.1)
        database.write(build.fcc111("Cu", (1, 1, 2), vacuum=4.0))
    fetch("ase-db", tmp_path / "a.db", tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    assert table["immutable_id"].to_pylist() == ["x-1"]
    assert table["e_above_hull"].to_pylist() == [0.1]
    assert "formation_energy_per_atom" not in table.column_names
    assert "pbc: wanted T T T" in (tmp_path / "a.left_out.csv").read_text()
    (tmp_path / "b.db").write_text("no database")
    with pytest.raises(InputError, match=r"b\.db: not a database that ASE reads"):
        fetch("ase-db", tmp_path / "b.db", tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"c\.db: no such file"):
        fetch("ase-db", tmp_path / "c.db", tmp_path / "b.parquet")


def test_documents_of_the_materials_project(tmp_path, monkeypatch):
    document = {
        "material_id": "mp-22865", "structure": structure(caesium_chloride()), "energy_above_hull": 0.0,
        "formation_energy_per_atom": -2.2, "band_gap": 5.4,
    }  # fmt: skip
    about = {"source": "Materials Project", "licence": "CC BY 4.0", "query": ""}
    collection = Collection(tmp_path / "a.parquet", about, 10.0, 0)
    documents = [document, {"material_id": "mp-2", "structure": None}]
    pages = lambda first: pages_of(summary_items(documents), first)  # noqa: E731
    collect(collection, 0, pages, resume=False, overwrite=False)
    table = pq.read_table(tmp_path / "a.parquet")
    assert [table[name].to_pylist() for name in PROPERTIES] == [[0.0], [-2.2], [5.4]]
    assert "mp-2,cannot be read" in (tmp_path / "a.left_out.csv").read_text()
    monkeypatch.delenv("MP_API_KEY", raising=False)
    with pytest.raises(InputError, match="--api-key: wanted the key of a Materials Project account, got none"):
        fetch("mp", "", tmp_path / "b.parquet")


def test_properties_under_the_names_of_their_sources():
    assert properties({"_mp_Band_Gap": 1, "stability": True, "ehull": float("nan"), "delta_e": "na"}, "_mp_") == {
        "band_gap": 1.0
    }
