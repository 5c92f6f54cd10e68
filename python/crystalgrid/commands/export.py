"""`crystalgrid export`: write a training run as one file that needs no Python."""

from pathlib import Path
from typing import Annotated

import tyro

from .signals import importing


def export(run: tyro.conf.Positional[str], out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]) -> None:
    """Write a training run as one file, after checking that it agrees with the network it was made from.

    The ending chooses the form: .pt is TorchScript, which runs on any machine and many versions of torch; .pt2 is
    compiled (AOTInductor, some minutes) for this version of torch and this kind of CPU alone. export/README.md says
    what the file promises to its readers.

    Args:
        run: folder that crystalgrid-train wrote, or the name of a released model
        out: file to write; an existing one is replaced, and only by a file that agrees
    """
    with importing():
        from ..artifacts.export import export_model
    export_model(run, out)


COMMAND = export
