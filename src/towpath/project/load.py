"""The files of a project, read into records and checked against each other."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar, cast

from towpath.core.errors import Invalid, NotFound, TowpathError, did_you_mean
from towpath.core.record import Record, check_types
from towpath.features.feature_set import FeatureSet
from towpath.features.view import FeatureView
from towpath.lake.dataset import Dataset
from towpath.modelling.model import Model
from towpath.monitoring.monitor import Monitor
from towpath.pipelines.pipeline import Pipeline
from towpath.project.yaml import read_record
from towpath.serving.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

T = TypeVar("T", bound=Record)

FOLDER_KINDS: dict[str, tuple[type[Record], ...]] = {
    "datasets": (Dataset,),
    "features": (FeatureView, FeatureSet),
    "models": (Model,),
    "pipelines": (Pipeline,),
    "endpoints": (Endpoint,),
    "monitors": (Monitor,),
}
FOLDERS = tuple(FOLDER_KINDS)
PYTHON_FOLDERS = ("features", "models")
SERVED_FOLDERS = ("datasets", "features", "endpoints")
KINDS: dict[type[Record], str] = {
    Dataset: "dataset",
    FeatureView: "feature_view",
    FeatureSet: "feature_set",
    Model: "model",
    Pipeline: "pipeline",
    Endpoint: "endpoint",
    Monitor: "monitor",
}


class Project:
    """The definitions in a project's files, read when first asked for and then kept.

    A server, which needs no models, so never runs the files that import scikit-learn.

    Args:
        root: the project's folder.

    Raises:
        Invalid: from every attribute: a file that cannot be read as its kind, or a name that is
            defined twice.
    """

    def __init__(self, root: Path) -> None:
        """Name the folder; nothing is read yet."""
        self.root = root.resolve()
        self._groups: dict[str, dict[type[Record], dict[str, Record]]] = {}
        self._sources: dict[tuple[str, str], str] = {}

    @property
    def datasets(self) -> dict[str, Dataset]:
        """Contracts by name, from ``datasets/*.yaml``."""
        return self._group("datasets", Dataset)

    @property
    def views(self) -> dict[str, FeatureView]:
        """Feature views by name, from ``features/*.py``."""
        return self._group("features", FeatureView)

    @property
    def feature_sets(self) -> dict[str, FeatureSet]:
        """Feature sets by name, from ``features/*.py``."""
        return self._group("features", FeatureSet)

    @property
    def models(self) -> dict[str, Model]:
        """Models by name, from ``models/*.py``."""
        return self._group("models", Model)

    @property
    def pipelines(self) -> dict[str, Pipeline]:
        """Pipelines by name, from ``pipelines/*.yaml``."""
        return self._group("pipelines", Pipeline)

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """Endpoints by name, from ``endpoints/*.yaml``."""
        return self._group("endpoints", Endpoint)

    @property
    def monitors(self) -> dict[str, Monitor]:
        """Monitors by name, from ``monitors/*.yaml``."""
        return self._group("monitors", Monitor)

    def where(self, kind: str, name: str) -> str:
        """Return the file and line of a definition that was read, empty if it has none."""
        return self._sources.get((kind, name), "")

    def definitions(self, folders: Sequence[str] = FOLDERS) -> Iterator[tuple[str, Record]]:
        """Yield each definition of some folders with its kind, data first and monitors last."""
        for folder in folders:
            for kind in FOLDER_KINDS[folder]:
                for record in self._group(folder, kind).values():
                    yield KINDS[kind], record

    def _group(self, folder: str, kind: type[T]) -> dict[str, T]:
        """Return the definitions of one kind, reading their folder if it is the first time."""
        if folder not in self._groups:
            self._groups[folder] = self._read(folder)
        return cast("dict[str, T]", self._groups[folder][kind])

    def _read(self, folder: str) -> dict[type[Record], dict[str, Record]]:
        """Read one folder."""
        found: dict[type[Record], dict[str, Record]] = {kind: {} for kind in FOLDER_KINDS[folder]}
        for record, where in definitions_in(self.root, folder):
            kind, name = KINDS[type(record)], name_of(record)
            if name in found[type(record)]:
                message = (
                    f"The {kind} {name!r} is defined twice, first at {self.where(kind, name)}."
                )
                raise Invalid(message, where=where, hint="Rename one of them.")
            found[type(record)][name] = record
            self._sources[kind, name] = where
        return found


def name_of(record: Record) -> str:
    """Return the name that every kind of definition carries."""
    name: str = record.name  # type: ignore[attr-defined]  # every kind of definition has a name
    return name


def pick(group: Mapping[str, T], name: str, kind: str) -> T:
    """Return the definition of that name.

    Raises:
        NotFound: there is none; a close name is suggested.
    """
    if name not in group:
        hint = did_you_mean(name, group)
        raise NotFound(f"There is no {kind} {name!r}.", hint=hint, kind=kind, name=name)
    return group[name]


def load_function(root: Path, reference: str) -> Callable[..., object]:
    """Load a function of the project written as ``file.py:name``.

    Raises:
        NotFound: no such file, or no such function in it.
        Invalid: the file does not run, or the name is no function.
    """
    file, _, name = reference.partition(":")
    path = (root / file).resolve()
    if not path.is_relative_to(root.resolve()) or not path.is_file():
        message = f"There is no file {file!r} in the project."
        raise NotFound(
            message, hint="Write the function as file.py:name, from the project's folder."
        )
    module = _run_module(path, root, f"towpath_project.{path.stem}")
    if not hasattr(module, name):
        known = [key for key, value in vars(module).items() if callable(value)]
        raise NotFound(f"{file} has no function {name!r}.", hint=did_you_mean(name, known))
    function = getattr(module, name)
    if not callable(function):
        raise Invalid(f"{name!r} in {file} is not a function.", hint="Name a function.")
    return cast("Callable[..., object]", function)


def definitions_in(root: Path, folder: str) -> Iterator[tuple[Record, str]]:
    """Read the definitions of one folder, each with its file and line."""
    kinds = FOLDER_KINDS[folder]
    if folder not in PYTHON_FOLDERS:
        for path in sorted((root / folder).glob("*.y*ml")):
            shown = path.relative_to(root).as_posix()
            yield read_record(path, kinds[0], shown=shown), f"{shown}:1"
        return
    modules = list(_modules_in(root, folder))
    found = [
        (name in imported, record, path)
        for path, module in modules
        for imported in [_imported(path)]
        for name, record in vars(module).items()
        if isinstance(record, kinds)
    ]
    seen: set[int] = set()
    # A definition belongs to the file that writes it, not to those that import it.
    for _, record, path in sorted(found, key=lambda one: one[0]):
        if id(record) not in seen:
            seen.add(id(record))
            where = _line_of(path, root, name_of(record))
            _check_fields(record, where)
            yield record, where


def _check_fields(record: Record, where: str) -> None:
    """Check that a definition's fields hold what they are declared as."""
    try:
        check_types(record)
    except Invalid as error:
        error.where = where
        raise


def _modules_in(root: Path, folder: str) -> Iterator[tuple[Path, ModuleType]]:
    """Run each file of a folder once, also where files of the folder import each other."""
    for known in [name for name in sys.modules if name.partition(".")[0] in PYTHON_FOLDERS]:
        del sys.modules[known]
    importlib.invalidate_caches()
    for name in PYTHON_FOLDERS:
        package = ModuleType(name)
        package.__path__ = [str(root / name)]
        sys.modules[name] = package
    for path in sorted((root / folder).glob("*.py")):
        name = f"{folder}.{path.stem}"
        yield path, sys.modules.get(name) or _run_module(path, root, name)


def _imported(path: Path) -> set[str]:
    """Name what a file imports from others."""
    tree = ast.parse(path.read_bytes())
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return {one.asname or one.name for node in imports for one in node.names}


def _run_module(path: Path, root: Path, name: str) -> ModuleType:
    """Run one Python file of the project as a module, with the project's folder on the path."""
    shown = path.relative_to(root.resolve()).as_posix()
    if str(root) in sys.path:
        sys.path.remove(str(root))
    sys.path.insert(0, str(root))
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Invalid(f"{shown} is not a Python file.", hint="Name a .py file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        # Never from bytecode, which is told apart only by size and time of the text.
        exec(compile(path.read_bytes(), path, "exec"), vars(module))  # noqa: S102
    except TowpathError as error:
        error.where = error.where or _failing_place(error, path, root)
        raise
    except Exception as error:
        where = _failing_place(error, path, root)
        message = f"The file does not run: {type(error).__name__}: {error}."
        raise Invalid(message, where=where, hint="Mend the line.") from error
    return module


def _failing_place(error: BaseException, path: Path, root: Path) -> str:
    """Return the line that an error came through last, in a file or one beside it."""
    places = [
        (Path(frame.filename), frame.lineno or 1)
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((Path(error.filename), error.lineno or 1))
    beside = [(file, line) for file, line in places if file.parent == path.parent]
    file, line = beside[-1] if beside else (path, 1)
    return f"{file.relative_to(root.resolve()).as_posix()}:{line}"


def _line_of(path: Path, root: Path, name: str) -> str:
    """Find the line that writes the name of a definition."""
    lines = path.read_text(encoding="utf-8").splitlines()
    marks = (f'"{name}"', f"'{name}'")
    numbers = (at for at, line in enumerate(lines, 1) if any(mark in line for mark in marks))
    return f"{path.relative_to(root).as_posix()}:{next(numbers, 1)}"
