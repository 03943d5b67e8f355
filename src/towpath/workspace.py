"""The composition root: from towpath.toml to the parts of a platform, as attributes."""

from __future__ import annotations

import getpass
import os
from functools import cached_property
from typing import TYPE_CHECKING, Self, cast

from towpath.catalog.collector import open_outbox
from towpath.catalog.database import Database
from towpath.core.clock import Clock, SystemClock
from towpath.core.closing import Closing
from towpath.core.plugins import load_plugin, scheme
from towpath.core.settings import find_root, local_path, read_settings
from towpath.lake.lake import Lake
from towpath.project.load import Project
from towpath.spark.settings import SparkSettings

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.catalog.collector import Outbox
    from towpath.features.engines import Engine
    from towpath.features.online import OnlineStore
    from towpath.lake.tables import TableStore
    from towpath.registry.stores import ModelStore


class Workspace(Closing):
    """A project with its open stores. Parts open when first used; it has no verbs.

    Args:
        root: the project's folder.
        clock: tells the time, the system's unless given.

    Attributes:
        root: the project's folder.
        settings: what towpath.toml and TOWPATH_* variables say.
        clock: tells the time.
        actor: who works here, for the log of events.
        project: the definitions in the project's files.
        catalog: the metadata database.
        lake: tables by name.
        engine: computes features at given times.
        online: feature values by key.
        models: model versions and their artifacts.
        outbox: where events of runs are sent to; None if nowhere.
    """

    def __init__(self, root: Path, *, clock: Clock | None = None) -> None:
        """Read the settings; open nothing yet."""
        self.root = root.resolve()
        self.settings = read_settings(self.root, os.environ)
        self.clock: Clock = clock or SystemClock()
        self.actor = os.environ.get("TOWPATH_ACTOR") or getpass.getuser()

    @classmethod
    def find(cls, start: Path, *, clock: Clock | None = None) -> Self:
        """Open the project at or above a folder.

        Raises:
            NotFound: there is no towpath.toml there.
        """
        return cls(find_root(start), clock=clock)

    @cached_property
    def project(self) -> Project:
        """The definitions in the project's files."""
        return Project(self.root)

    @cached_property
    def catalog(self) -> Database:
        """The metadata database."""
        return Database.open(self.settings.catalog, self.root)

    @cached_property
    def lake(self) -> Lake:
        """Tables by name."""
        plugin = load_plugin("table_stores", scheme(self.settings.lake))
        opened = plugin(self.settings.lake, self.root, self.catalog, clock=self.clock)
        store = cast("TableStore", opened)
        lake = Lake(store, self.catalog, self.project.datasets, clock=self.clock, root=self.root)
        lake.actor = self.actor
        return lake

    @cached_property
    def engine(self) -> Engine:
        """Computes features at given times."""
        url = self.settings.engine
        engine = load_plugin("engines", scheme(url))
        if scheme(url) == url:
            return cast("Engine", engine())
        settings = SparkSettings(memory=self.settings.spark_memory)
        return cast("Engine", engine(url, settings, environ=os.environ))

    @cached_property
    def online(self) -> OnlineStore:
        """Feature values by key."""
        store = load_plugin("online_stores", scheme(self.settings.online))
        return cast("OnlineStore", store(self.settings.online, self.root))

    @cached_property
    def models(self) -> ModelStore:
        """Model versions and their artifacts."""
        store = load_plugin("model_stores", scheme(self.settings.tracking))
        return cast("ModelStore", store(self.settings.tracking, self.root, self.artifacts))

    @cached_property
    def outbox(self) -> Outbox | None:
        """Where events of runs are sent to, None if nowhere.

        Raises:
            Invalid: the setting openlineage is no way to send them.
        """
        url = self.settings.openlineage
        if url == "none":
            return None
        return open_outbox(url, self.catalog, root=self.root, state=self.state)

    @property
    def artifacts(self) -> Path:
        """Folder of model files."""
        return local_path(f"file:{self.settings.artifacts}", self.root)

    @property
    def state(self) -> Path:
        """Folder of logs, pointers and locks."""
        return local_path(f"file:{self.settings.state}", self.root)

    def close(self) -> None:
        """Close the stores that were opened."""
        for name in ("online", "catalog"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()
