"""Files are held against their recorded hash, once as long as nobody touches them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from towpath.core.errors import Contract
from towpath.lake.tables.storage import stored_hash

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

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
            OSError: the disk or bucket fails, which says nothing of the files.
        """
        paths = {f"{name}/{path}": expected for path, expected in files.items()}
        present = self._present(name, paths)
        unknown = [path for path in paths if self._known.get(path) != (present[path], paths[path])]
        for path, found in self._hashes(name, unknown).items():
            if found != paths[path]:
                raise self._broken(name, path, "is damaged: its hash has changed")
            self._known[path] = (present[path], found)

    def check_present(self, name: str, files: Iterable[str]) -> None:
        """Look whether the files of a table are there, without reading them.

        Raises:
            Contract: a file is missing; it is named.
        """
        self._present(name, [f"{name}/{path}" for path in files])

    def check_again(self, name: str, files: Mapping[str, str]) -> None:
        """Compare the files of a table with their hashes, also those that were trusted.

        Raises:
            Contract: a file is missing or damaged; it is named.
        """
        for path in files:
            self._known.pop(f"{name}/{path}", None)
        self.check(name, files)

    def trust(self, name: str, file: str, expected: str) -> None:
        """Know a file that was just written here."""
        path = f"{name}/{file}"
        (identity,) = self._storage.identities([path])
        self._known[path] = (identity, expected)

    def _present(self, name: str, paths: Iterable[str]) -> dict[str, Hashable]:
        """Return the identity of each file, all of which are there."""
        wanted = list(paths)
        found: dict[str, Hashable] = {}
        for path, identity in zip(wanted, self._storage.identities(wanted), strict=True):
            if identity is None:
                raise self._broken(name, path, "is missing")
            found[path] = identity
        return found

    def _hashes(self, name: str, paths: list[str]) -> dict[str, str]:
        """Hash files, several at a time."""
        if not paths:
            return {}
        with ThreadPoolExecutor(min(READERS, len(paths))) as pool:
            return dict(
                zip(paths, pool.map(lambda path: self._hash(name, path), paths), strict=True)
            )

    def _hash(self, name: str, path: str) -> str:
        """Hash one file, unless it was removed meanwhile."""
        try:
            return stored_hash(self._storage, path)
        except FileNotFoundError:
            raise self._broken(name, path, "is missing") from None

    def _broken(self, name: str, path: str, what: str) -> Contract:
        """Name a file that is not as it was written."""
        place = self._storage.url(path)
        message = f"The file {place} of dataset {name!r} {what}."
        return Contract(message, hint=RESTORE, dataset=name, file=place)
