"""The folder of the crystals that are not in the repository: CRYSTALGRID_DATA, or shared/data beside the checkout."""

import os
from pathlib import Path

DATA = Path(os.environ.get("CRYSTALGRID_DATA") or Path(__file__).parents[2] / "shared" / "data")
"""That folder, as in tests/conftest.py; CONTRIBUTING.md says which files it holds."""
