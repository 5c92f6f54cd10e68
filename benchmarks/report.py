"""One table from what was measured: Markdown to read, JSON to keep."""

import json
import platform
from pathlib import Path

import numpy as np

COLUMNS = ("what", "peer", "peer, µs per cube", "ours, µs per cube", "ratio", "best", "fraction of peak", "spread")


def row(measured: dict) -> dict:
    """Medians over rounds that alternate between ours and the peer; `best` compares the fastest of each."""
    ours, peer = np.array(measured["ours_seconds"]), np.array(measured["peer_seconds"])
    low, high = np.percentile(ours, [25, 75])
    found = {
        "what": measured["what"],
        "peer": measured["peer"],
        "ours, µs per cube": 1e6 * float(np.median(ours)),
        "spread": float((high - low) / np.median(ours)),
    }
    if "multiply_adds" in measured:  # the peer is a rate, measured in the same rounds
        rate = measured["multiply_adds"] / ours
        return found | {"fraction of peak": float(np.median(rate / measured["peak"][-len(ours) :]))}
    return found | {
        "peer, µs per cube": 1e6 * float(np.median(peer)),
        "ratio": float(np.median(peer / ours)),
        "best": float(peer.min() / ours.min()),
    }


def markdown(rows: list[dict]) -> str:
    """The rows as a table."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|---|" + "--:|" * (len(COLUMNS) - 2)]
    return "\n".join(
        [*lines, *("| " + " | ".join(_cell(name, r.get(name, "")) for name in COLUMNS) + " |" for r in rows)]
    )


def _cell(name: str, value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0%}" if name in ("spread", "fraction of peak") else f"{value:,.4g}"


def machine() -> str:
    """The processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor()


def write(measured: list[dict], folder: Path) -> str:
    """Write table.md and table.json into the folder, and return the table."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row(m) for m in measured]
    table = f"{markdown(rows)}\n\n{measured[0]['workload']}; {machine()}\n"
    (folder / "table.md").write_text(table)
    (folder / "table.json").write_text(
        json.dumps({"machine": machine(), "rows": rows, "measured": measured}, indent=1) + "\n"
    )
    return table
