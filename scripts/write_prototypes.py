"""Write python/crystalgrid/data/prototypes.parquet, which the package ships, from the prototypes that pymatgen has.

Run by hand, `python scripts/write_prototypes.py`, if pymatgen has new ones. Runs store the checksum of their training
data, so other prototypes are other data.
"""

import gzip
import json
from importlib.metadata import distribution, version
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from crystalgrid.data.prototypes import FILE
from crystalgrid.files import written_whole

METADATA = {
    "title": "AFLOW Library of Crystallographic Prototypes, as distributed with pymatgen",
    "source": f"pymatgen-core {version('pymatgen-core')}, pymatgen/analysis/prototypes/aflow_prototypes.json.gz",
    "license": distribution("pymatgen-core").read_text("licenses/LICENSE"),
    "cite": "M. J. Mehl et al., Comput. Mater. Sci. 136, S1 (2017), doi:10.1016/j.commatsci.2017.01.017",
}


def main() -> None:
    """Write the file anew."""
    entries = read_entries()
    sites = [entry["snl"]["sites"] for entry in entries]
    vectors = pa.list_(pa.list_(pa.float64()))
    table = pa.table({
        "immutable_id": [f"aflow-{i}-{entry['tags']['aflow']}" for i, entry in enumerate(entries)],
        "lattice_vectors": pa.array([entry["snl"]["lattice"]["matrix"] for entry in entries], vectors),
        "fractional_site_positions": pa.array([[site["abc"] for site in crystal] for crystal in sites], vectors),
        "species_at_sites": [[site["species"][0]["element"] for site in crystal] for crystal in sites],
    })  # fmt: skip
    with written_whole(FILE) as temporary:
        pq.write_table(table.replace_schema_metadata(METADATA), temporary, compression="zstd", compression_level=19)
    print(f"{FILE}: {table.num_rows} prototypes, {FILE.stat().st_size:,} bytes")


def read_entries() -> list[dict]:
    """Return the entries of pymatgen's file, which is found without running pymatgen."""
    spec = find_spec("pymatgen")
    folders = [Path(folder, "analysis") for folder in (spec and spec.submodule_search_locations) or []]
    [path] = [path for folder in folders for path in folder.rglob("aflow_prototypes.json.gz")]
    return json.loads(gzip.decompress(path.read_bytes()))


if __name__ == "__main__":
    main()
