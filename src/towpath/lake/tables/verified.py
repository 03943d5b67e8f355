"""Files are held against their recorded hash, once as long as nobody touches them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from towpath.core.errors import Contract
from towpath.lake.tables.storage import stored_hash

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from towpath.lake.tables.storage import Storage

READERS = 4
RESTORE = "Restore the file from a backup, or ingest the dataset again with mode overwrite."


class VerifiedFiles:
    """Remembers which files were found to be as they were written.

    Args:
        storage: holds the files.
    """

    def __init__(self, storage: Storage) -> None:
        """Know nothing yet."""
        self._storage = storage
        self._known: dict[str, tuple[Hashable, str]] = {}

    def check(self, name: str, files: Mapping[str, str]) -> None:
        """Compare the files of a table with their hashes; one not touched since is trusted.

        Args:
            name: the table.
            files: hashes by path within the table.

        Raises:
            Contract: a file is missing or damaged; it is named.
        """
        paths = {f"{name}/{path}": expected for path, expected in files.items()}
        identities = self._storage.identities(list(paths))
        present = dict(zip(paths, identities, strict=True))
        for path, identity in present.items():
            if identity is None:
                raise self._broken(name, path, "is missing")
        unknown = [path for path in paths if self._known.get(path) != (present[path], paths[path])]
        for path, found in self._hashes(name, unknown).items():
            if found != paths[path]:
                raise self._broken(name, path, "is damaged: its hash has changed")
            self._known[path] = (present[path], found)

    def trust(self, name: str, file: str, expected: str) -> None:
        """Know a file that was just written here."""
        path = f"{name}/{file}"
        (identity,) = self._storage.identities([path])
        self._known[path] = (identity, expected)

    def _hashes(self, name: str, paths: list[str]) -> dict[str, str]:
        """Hash files, several at a time."""
        if not paths:
            return {}
        with ThreadPoolExecutor(min(READERS, len(paths))) as pool:
            return dict(
                zip(paths, pool.map(lambda path: self._hash(name, path), paths), strict=True)
            )

    def _hash(self, name: str, path: str) -> str:
        """Hash one file; what cannot be read is damaged."""
        try:
            return stored_hash(self._storage, path)
        except FileNotFoundError:
            raise self._broken(name, path, "is missing") from None
        except OSError as error:
            raise self._broken(name, path, f"cannot be read: {error}") from error

    def _broken(self, name: str, path: str, what: str) -> Contract:
        """Name a file that is not as it was written."""
        place = self._storage.url(path)
        message = f"The file {place} of dataset {name!r} {what}."
        return Contract(message, hint=RESTORE, dataset=name, file=place)
