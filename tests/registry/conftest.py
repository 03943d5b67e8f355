from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from towpath.registry.stores.mlflow import MlflowStore

if TYPE_CHECKING:
    from pathlib import Path

URL = "sqlite:mlflow.db"


@pytest.fixture(scope="session")
def mlflow_schema(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """MLflow takes seconds to create its schema: do it once and copy the file."""
    root = tmp_path_factory.mktemp("mlflow")
    MlflowStore(URL, root, root)
    return (root / "mlflow.db").read_bytes()


@pytest.fixture
def store(tmp_path: Path, mlflow_schema: bytes) -> MlflowStore:
    (tmp_path / "mlflow.db").write_bytes(mlflow_schema)
    return MlflowStore(URL, tmp_path, tmp_path / "artifacts")
