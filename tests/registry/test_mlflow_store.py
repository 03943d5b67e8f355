from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from towpath.core.errors import NotFound
from towpath.registry.bundle import open_bundle
from towpath.registry.stores.mlflow import MlflowStore
from towpath.testing.model_store import ModelStoreSuite, log_version

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.registry.stores import ModelStore

URL = "sqlite:mlflow.db"
KILLED = """
import sys
from pathlib import Path
from towpath.registry.stores.mlflow import MlflowStore
from towpath.testing.model_store import log_version
root = Path(sys.argv[1])
store = MlflowStore("sqlite:mlflow.db", root, root / "artifacts")
print("ready", flush=True)
for at in range(1000):
    log_version(store, root / f"work_{at}")
"""


class TestMlflowStore(ModelStoreSuite):
    pass


def test_an_unmodified_client_sees_run_version_and_alias(store: ModelStore, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    version = log_version(store, tmp_path)
    store.set_alias("late", "champion", 1)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(uri, uri)
    run = client.get_run(version.run_id)
    assert run.data.metrics["roc_auc"] == 0.75
    assert run.data.metrics["roc_auc_lower"] == 0.74
    assert run.data.params["depth"] == "3"
    assert run.info.status == "FINISHED"
    assert client.get_model_version_by_alias("late", "champion").run_id == version.run_id


def test_the_bundle_is_the_logged_version(store: ModelStore, tmp_path: Path) -> None:
    version = log_version(store, tmp_path)
    folder = tmp_path / "artifacts" / version.bundle
    contract = open_bundle(folder, sha256=version.bundle_sha256)
    assert contract == version.replace(bundle="", bundle_sha256="")


def test_a_second_store_sees_what_the_first_logged(store: ModelStore, tmp_path: Path) -> None:
    log_version(store, tmp_path)
    again = MlflowStore(URL, tmp_path, tmp_path / "artifacts")
    assert again.get("late", 1) == store.get("late", 1)


@pytest.mark.slow
def test_a_killed_log_leaves_only_whole_versions(store: MlflowStore, tmp_path: Path) -> None:
    for trial in range(3):
        script = [sys.executable, "-c", KILLED, str(tmp_path)]
        with subprocess.Popen(script, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.1 + 0.13 * trial)
            os.kill(child.pid, signal.SIGKILL)
        for version in store.list():
            folder = tmp_path / "artifacts" / version.bundle
            assert open_bundle(folder, sha256=version.bundle_sha256).version == version.version
        for left in tmp_path.glob("work_*"):
            left.rename(tmp_path / f"left_{trial}_{left.name}")
    numbers = [one.version for one in store.list("late")]
    assert log_version(store, tmp_path / "after").version > max(numbers, default=0)


def test_a_version_without_its_record_is_not_there(store: MlflowStore, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(uri, uri)
    client.create_registered_model("late")
    client.create_model_version("late", source="file:/nowhere")
    assert store.list("late") == ()
    with pytest.raises(NotFound):
        store.get("late", 1)
