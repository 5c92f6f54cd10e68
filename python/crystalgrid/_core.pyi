# The compiled core (cpp/bindings); boundary.py, crystal.py, density.py, species.py and atoms.py are its only callers.
from typing import Any

def __getattr__(name: str) -> Any: ...
