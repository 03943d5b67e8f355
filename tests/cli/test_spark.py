from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.spark_here import require_spark

from towpath.cli.main import main
from towpath.spark.cluster import stop_cluster

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "towpath.toml").write_text('name = "shop"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["spark", *arguments])
    return int(stopped.value.code or 0)


@pytest.mark.usefixtures("project")
def test_without_a_cluster_its_state_is_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("status") == 1
    assert "towpath spark up" in capsys.readouterr().out
    assert command("down") == 0


@pytest.mark.e2e
@pytest.mark.slow
def test_a_cluster_goes_up_is_seen_and_goes_down(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require_spark()
    try:
        assert command("up", "--workers", "1", "--memory", "1g", "--json") == 0
        made = json.loads(capsys.readouterr().out)
        assert command("status") == 0
        assert made["cluster"]["url"] in capsys.readouterr().out
        assert command("down") == 0
        assert "stopped 2 processes" in capsys.readouterr().out
        assert command("status") == 1
    finally:
        stop_cluster(project / ".towpath/state/spark")
