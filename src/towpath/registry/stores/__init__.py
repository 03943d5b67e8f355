"""Where model versions are kept: the interface that every store implements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from towpath.registry.model import ModelVersion

Parameter = str | int | float | bool | None


class ModelStore(Protocol):
    """Keeps model versions, their files and the aliases that point at them.

    Versions of a model count from 1 and never change. A version is visible to ``get`` and
    ``list`` only when its files lie at their place and are synced, so that a crash while
    logging leaves nothing half-registered. An alias points at one version at a time and is
    moved as one step. Every method raises NotFound for an unknown model, version or alias,
    except ``list``, which returns nothing for an unknown model. Safe for several threads and
    processes.
    """

    def log(
        self,
        draft: ModelVersion,
        *,
        parameters: Mapping[str, Parameter],
        files: Path,
    ) -> ModelVersion:
        """Register a version from a folder of files, which moves into the artifacts folder.

        The returned version carries its number, run, bundle and hash; the bundle's
        ``contract.json`` is that version.
        """
        ...

    def get(self, model: str, version: int | str) -> ModelVersion:
        """Return a version by number or by alias."""
        ...

    def list(self, model: str = "") -> tuple[ModelVersion, ...]:
        """Return the versions of a model, or of all models: by name, oldest first."""
        ...

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Point an alias at a version, whether or not it pointed elsewhere."""
        ...

    def aliases(self, model: str) -> dict[str, int]:
        """Return where the aliases of a model point; empty if there are none."""
        ...
