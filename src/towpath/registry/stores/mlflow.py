"""Model versions in MLflow: any MLflow client sees the runs, versions and aliases.

The MLflow database is the only index. A version counts once it carries the tag that holds its
whole record, which is written last, after its bundle lies at its place.
"""

from __future__ import annotations

import os
import shutil
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from towpath.core.errors import NotFound, TowpathError, Unavailable, did_you_mean
from towpath.core.instant import to_micros
from towpath.core.lock import locked
from towpath.core.settings import local_path
from towpath.registry.bundle import seal
from towpath.registry.model import ModelVersion

# MLflow reads these when it is imported: it must not report home, nor set up logging for us.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")

from mlflow.entities import Metric as LoggedMetric
from mlflow.entities import Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlflow.entities.model_registry import ModelVersion as LoggedVersion

    from towpath.registry.stores import Parameter

RECORD_TAG = "towpath.version"
ESTIMATOR_TAG = "towpath.estimator"
LOCK = ".lock"
PAGE = 200
MISSING = "RESOURCE_DOES_NOT_EXIST"
EXISTS = "RESOURCE_ALREADY_EXISTS"
LONGEST = 500


class MlflowStore:
    """Keeps versions in an MLflow database and their bundles in a folder.

    Args:
        url: the database, such as ``sqlite:.towpath/mlflow.db``.
        root: the project's folder, which the path in the URL starts from.
        artifacts: folder of the bundles.
    """

    def __init__(self, url: str, root: Path, artifacts: Path) -> None:
        """Open the database; it is created on first use."""
        path = local_path(url, root).resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._artifacts = artifacts
        uri = f"sqlite:///{path}"
        with _explained(), warnings.catch_warnings():
            # MLflow uses parts of SQLAlchemy that the newest release calls deprecated.
            warnings.simplefilter("ignore")
            self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def log(
        self, draft: ModelVersion, *, parameters: Mapping[str, Parameter], files: Path
    ) -> ModelVersion:
        """Track a run, take a version number, move the files into place and record the version."""
        with _explained(), locked(self._artifacts / LOCK):
            self._remove_halves(draft.model)
            run_id = self._track(draft, parameters)
            bundle = f"{draft.model}/{run_id}"
            number = self._number(draft, run_id, bundle)
            version = draft.replace(version=number, run_id=run_id)
            staged = self._artifacts / f".staged-{run_id}"
            shutil.move(files, staged)
            digest = seal(staged, version, self._artifacts / bundle)
            version = version.replace(bundle=bundle, bundle_sha256=digest)
            record = msgspec.json.encode(version).decode()
            self._client.set_model_version_tag(draft.model, str(number), RECORD_TAG, record)
            self._client.set_terminated(run_id)
            return version

    def get(self, model: str, version: int | str) -> ModelVersion:
        """Return a version by number or alias."""
        number = version if isinstance(version, int) else self.aliases(model).get(version)
        if number is None:
            raise self._unknown(model, version)
        try:
            with _explained():
                found = self._client.get_model_version(model, str(number))
        except NotFound:
            raise self._unknown(model, version) from None
        record = _record(found)
        if record is None:
            raise self._unknown(model, version)
        return record

    def list(self, model: str = "") -> tuple[ModelVersion, ...]:
        """Return all complete versions, of one model or of all."""
        chosen = f"name = '{model.replace(chr(39), '')}'" if model else None
        found: list[LoggedVersion] = []
        token: str | None = None
        with _explained():
            while token is None or token:
                page = self._client.search_model_versions(
                    chosen, max_results=PAGE, page_token=token
                )
                found.extend(page)
                token = page.token or ""
        records = [record for one in found if (record := _record(one)) is not None]
        return tuple(sorted(records, key=lambda one: (one.model, one.version)))

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Point an alias at a complete version."""
        self.get(model, version)
        with _explained():
            self._client.set_registered_model_alias(model, alias, str(version))

    def aliases(self, model: str) -> dict[str, int]:
        """Return where the aliases of a model point."""
        try:
            with _explained():
                pointed = self._client.get_registered_model(model).aliases
        except NotFound:
            return {}
        return {alias: int(number) for alias, number in sorted(pointed.items())}

    def _track(self, draft: ModelVersion, parameters: Mapping[str, Parameter]) -> str:
        """Write one run with its parameters, metrics and tags in one batch."""
        at = to_micros(draft.created_at) // 1000
        tags = {ESTIMATOR_TAG: draft.estimator, "towpath.code": draft.code}
        tags |= {f"towpath.data.{name}": str(one) for name, one in draft.data_versions.items()}
        metrics = {
            name if part == "value" else f"{name}_{part}": float(getattr(metric, part))
            for name, metric in draft.metrics.items()
            for part in ("value", "lower", "upper")
        }
        experiment = self._experiment(draft.model)
        run = self._client.create_run(
            experiment, start_time=at, run_name=draft.estimator, tags=tags
        )
        run_id: str = run.info.run_id
        self._client.log_batch(
            run_id,
            metrics=[LoggedMetric(name, value, at, 0) for name, value in metrics.items()],
            params=[Param(name, str(value)[:LONGEST]) for name, value in parameters.items()],
        )
        return run_id

    def _remove_halves(self, model: str) -> None:
        """Take away what a killed ``log`` of this model left; the caller holds the lock."""
        for staged in self._artifacts.glob(".staged-*"):
            shutil.rmtree(staged)
        experiment = self._client.get_experiment_by_name(model)
        known = [] if experiment is None else [experiment.experiment_id]
        for run in self._client.search_runs(known, "attributes.status = 'RUNNING'"):
            if ESTIMATOR_TAG not in run.data.tags:
                continue
            run_id = run.info.run_id
            logged = self._client.search_model_versions(f"run_id = '{run_id}'")
            halves = [one for one in logged if _record(one) is None]
            for one in halves:
                self._client.delete_model_version(one.name, one.version)
            if halves or not logged:
                shutil.rmtree(self._artifacts / model / run_id, ignore_errors=True)
            self._client.set_terminated(run_id, "KILLED" if halves or not logged else "FINISHED")

    def _experiment(self, model: str) -> str:
        """Return the experiment of a model, made on first use."""
        if self._client.get_experiment_by_name(model) is None:
            folder = (self._artifacts / model).resolve().as_uri()
            with _unless_there():
                self._client.create_experiment(model, artifact_location=folder)
        found = self._client.get_experiment_by_name(model)
        return str(found.experiment_id) if found is not None else ""

    def _number(self, draft: ModelVersion, run_id: str, bundle: str) -> int:
        """Take the next version number of a model."""
        with _unless_there():
            self._client.create_registered_model(draft.model)
        made = self._client.create_model_version(
            draft.model,
            source=(self._artifacts / bundle).resolve().as_uri(),
            run_id=run_id,
            tags={ESTIMATOR_TAG: draft.estimator, "towpath.predictor": draft.predictor},
        )
        return int(made.version)

    def _unknown(self, model: str, version: int | str) -> NotFound:
        """Say what is not there: the model, the version or the alias."""
        known = self.list(model)
        if not known:
            models = {one.model for one in self.list()}
            hint = did_you_mean(model, models)
            return NotFound(f"There is no version of the model {model!r}.", hint=hint, model=model)
        if isinstance(version, int):
            numbers = ", ".join(str(one.version) for one in known)
            return NotFound(f"Model {model!r} has no version {version}.", hint=f"Known: {numbers}.")
        hint = did_you_mean(version, self.aliases(model))
        return NotFound(f"Model {model!r} has no alias {version!r}.", hint=hint, model=model)


def _record(found: LoggedVersion) -> ModelVersion | None:
    """Read the record of a version, None where logging was cut off."""
    text = found.tags.get(RECORD_TAG)
    return None if text is None else msgspec.json.decode(text, type=ModelVersion)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn MLflow's errors into ours."""
    try:
        yield
    except TowpathError:
        raise
    except MlflowException as error:
        if error.error_code == MISSING:
            raise NotFound(error.message, hint="Check the name.") from error
        message = f"The model store does not answer: {error.message}"
        raise Unavailable(message, hint="Check the tracking setting in towpath.toml.") from error


@contextmanager
def _unless_there() -> Iterator[None]:
    """Let a thing that another made first stand."""
    try:
        yield
    except MlflowException as error:
        if error.error_code != EXISTS:
            raise
