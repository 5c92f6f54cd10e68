"""Exported files as zip archives: their metadata, and the checksum over all records.

`export/README.md` is the contract.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .generator_info import GeneratorInfo
from .metadata import FORMAT, ArtifactInfo

METADATA = "extra/crystalgrid.json"
CHECKSUM = "extra/crystalgrid.sha256"
FORMULAS = "extra/formulas.npy"


def read_metadata(path: Path) -> ArtifactInfo:
    """Return the metadata of an exported file. Raises InputError for an unknown format and for altered content."""
    return ArtifactInfo.from_dict(read_content(path), str(path))


def read_content(path: Path) -> dict[str, Any]:
    """Return the metadata of an exported file of any kind, as they stand in it. Raises what `read_metadata` does."""
    try:
        with zipfile.ZipFile(path) as archive:
            content = _json(archive, path)
            if archive_checksum(archive) != _text(archive, CHECKSUM):
                raise InputError(f"{path}: damaged or altered (its checksum does not match)")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{path}: not a crystalgrid model, or damaged: {error}") from None
    return content


def read_checksum(path: Path) -> str:
    """Return the checksum that an exported file states."""
    with zipfile.ZipFile(path) as archive:
        return _text(archive, CHECKSUM)


def read_identity(path: Path) -> str:
    """Return the checksum by which the folders that the sampler writes name the model of an exported file."""
    with zipfile.ZipFile(path) as archive:
        return _json(archive, path).get("identity") or _text(archive, CHECKSUM)


def add_metadata(path: Path, metadata: ArtifactInfo | GeneratorInfo, formulas: np.ndarray | None = None) -> None:
    """Add metadata to an archive without any, then the checksum over all of it.

    formulas: hashes of the reduced formulas that were trained on (see `data.formulas`), [F] uint64.
    """
    if formulas is not None:
        content = io.BytesIO()
        np.save(content, formulas)
        with zipfile.ZipFile(path, "a") as archive:
            _add(archive, FORMULAS, content.getvalue())
    add_json(path, metadata.to_dict())


def read_formulas(path: Path) -> np.ndarray | None:
    """Return the hashes of the reduced formulas that an exported file says were trained on, None if it says none."""
    with zipfile.ZipFile(path) as archive:
        record = f"{_root(archive)}/{FORMULAS}"
        return np.load(io.BytesIO(archive.read(record))) if record in archive.namelist() else None


def add_json(path: Path, content: dict[str, Any]) -> None:
    """Add a dictionary as the metadata, then the checksum."""
    with zipfile.ZipFile(path, "a") as archive:
        _add(archive, METADATA, json.dumps(content, ensure_ascii=False, indent=1))
        _add(archive, CHECKSUM, archive_checksum(archive))


def archive_checksum(archive: zipfile.ZipFile) -> str:
    """Return the SHA-256 over every record but the checksum itself, in the order of their names.

    A record enters as its name, a zero byte, and its content. torch does not check the archive's own CRCs, so without
    this checksum a changed weight would go unnoticed.
    """
    total = hashlib.sha256()
    start = len(_root(archive)) + 1
    for name in sorted(name[start:] for name in archive.namelist()):
        if name != CHECKSUM:
            total.update(name.encode() + b"\0" + archive.read(f"{_root(archive)}/{name}"))
    return total.hexdigest()


def _json(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(_text(archive, METADATA))
    except KeyError:
        raise InputError(f"{path}: not a model that crystalgrid-export wrote (no crystalgrid.json in it)") from None
    except ValueError as error:
        raise InputError(f"{path}: damaged or altered (crystalgrid.json: {error})") from None
    version = content.get("format") if isinstance(content, dict) else None
    if version != FORMAT:
        raise InputError(f"{path}: artifact format {version!r}; this version of crystalgrid knows format {FORMAT}")
    return dict(content)


def _text(archive: zipfile.ZipFile, record: str) -> str:
    return archive.read(f"{_root(archive)}/{record}").decode()


def _add(archive: zipfile.ZipFile, record: str, content: str | bytes) -> None:
    entry = zipfile.ZipInfo(f"{_root(archive)}/{record}")  # has a fixed time, so files do not differ by it
    archive.writestr(entry, content)


def _root(archive: zipfile.ZipFile) -> str:
    """Return the folder that holds all records of an archive that torch wrote."""
    return next(iter(archive.namelist()), "").partition("/")[0]
