"""The immutable folder of a model version: its files, their hashes and its contract."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from towpath.core.durable import file_hash, sync_file, write_durably
from towpath.core.errors import Conflict, Contract, NotFound
from towpath.registry.model import ModelVersion

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT_FILE = "contract.json"
MANIFEST_FILE = "manifest.json"


def seal(files: Path, version: ModelVersion, destination: Path) -> str:
    """Turn a folder of files into a bundle: add contract and manifest, sync, rename.

    Args:
        files: folder on the same file system as the destination; it is moved.
        version: what the files are; written as ``contract.json``.
        destination: where the bundle belongs; it must not exist.

    Returns:
        The hash of the manifest, which holds the hash of every other file.

    Raises:
        Conflict: there is a bundle at the destination.
    """
    # The schema's order is the order of the predictor's values: it must not be sorted.
    write_durably(files / CONTRACT_FILE, msgspec.json.encode(version))
    hashes = {}
    for path in sorted(files.iterdir()):
        if path.name != MANIFEST_FILE:
            sync_file(path)
            hashes[path.name] = file_hash(path)
    write_durably(files / MANIFEST_FILE, msgspec.json.encode(hashes))
    digest = file_hash(files / MANIFEST_FILE)
    destination.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(files, destination)  # noqa: PTH104 - Path.rename is the same call
    except OSError as error:
        message = f"There is a bundle at {destination} already."
        raise Conflict(message, hint="Bundles never change: register a new version.") from error
    sync_file(destination.parent)
    return digest


def open_bundle(folder: Path, *, sha256: str = "") -> ModelVersion:
    """Check every file of a bundle against its hash and read its contract.

    Args:
        folder: the bundle.
        sha256: hash of the manifest as registered; not compared if empty.

    Raises:
        NotFound: there is no bundle.
        Contract: a file is missing, added or changed; the message names it.
    """
    manifest = folder / MANIFEST_FILE
    if not manifest.is_file():
        raise NotFound(f"There is no bundle at {folder}.", hint="Register the model again.")
    if sha256 and file_hash(manifest) != sha256:
        raise _changed(manifest)
    try:
        hashes = msgspec.json.decode(manifest.read_bytes(), type=dict[str, str])
    except msgspec.DecodeError as error:
        raise _changed(manifest) from error
    present = {path.name for path in folder.iterdir()} - {MANIFEST_FILE}
    for name in sorted(present | set(hashes)):
        path = folder / name
        if name not in hashes or name not in present or file_hash(path) != hashes[name]:
            raise _changed(path)
    return read_contract(folder)


def read_contract(folder: Path) -> ModelVersion:
    """Read what a bundle says it is, without checking its files.

    Raises:
        NotFound: there is no bundle.
        Contract: the contract is damaged.
    """
    path = folder / CONTRACT_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=ModelVersion)
    except FileNotFoundError as error:
        message = f"There is no bundle at {folder}."
        raise NotFound(message, hint="Register the model again.") from error
    except msgspec.DecodeError as error:
        raise _changed(path) from error


def _changed(path: Path) -> Contract:
    """Say that a file is not what was registered."""
    message = f"The file {path} is not the one that was registered."
    return Contract(message, hint="Restore it, or train and register the model again.")
