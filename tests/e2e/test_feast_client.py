"""A stock Feast client against our feature server: Feast in an environment of its own."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.environment import ROOT, peer_python
from tests.features.server.taxi import NOW, make_project, serving

from towpath.steps.feature_value import online_features
from towpath.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
FEAST = ["feast[redis]==0.67.0"]
VIEWS = {
    "driver": [
        {"driver_id": "int64"},
        {"tip": "float64", "seats": "int64", "card": "bool", "note": "string",
         "count_7d": "int64", "fare_mean_7d": "float64"},
    ],
    "zone": [{"zone": "string"}, {"fare": "float64", "fare_max_7d": "float64"}],
    "ride": [
        {"ride_id": "int64"},
        {"driver_id": "int64", "zone": "string", "fare": "float64", "tip": "float64",
         "seats": "int64", "card": "bool", "note": "string", "began": "timestamp"},
    ],
}  # fmt: skip
SERVICE = "rank"
# Without the mean, which is infinite for driver 2: that way, the client takes no such number.
NAMES = ["tip", "seats", "card", "note", "count_7d"]
KEYS = {"driver_id": [1, 2, 4]}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("feast") / "taxi")


def ask(folder: Path, url: str, steps: list[dict[str, object]]) -> list[Any]:
    """Let the stock client do some steps and return what it was answered."""
    asked = folder / "asked.json"
    wanted = {"views": VIEWS, "service": SERVICE, "push_source": "rides", "steps": steps}
    asked.write_text(json.dumps(wanted))
    script = ROOT / "benchmarks" / "peers" / "feast_client.py"
    command = [peer_python("feast", FEAST), script, folder / "repository", url, asked]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def local(project: Path, request: int) -> dict[str, object]:
    """Read the features of a row of the spine in this process."""
    with Workspace.find(project) as workspace:
        return dict(online_features(workspace, "rank", {"request_id": request}))


def test_the_stock_client_reads_what_a_local_read_gives(project: Path, tmp_path: Path) -> None:
    views = {name: VIEWS[name] for name in ("driver", "zone")}
    references = [f"{view}:{name}" for view, (_, names) in views.items() for name in names]
    rows = [{"driver_id": 1, "zone": "north"}, {"driver_id": 2, "zone": "south"}]
    steps: list[dict[str, object]] = [
        {"do": "read", "features": references, "rows": rows, "full": True},
        {"do": "read", "rows": [{"request_id": 100}, {"request_id": 101}], "full": True},
        {
            "do": "read_old_way",
            "view": "driver",
            "keys": {"driver_id": [1, 2, 4]},
            "features": NAMES,
        },
    ]
    with serving(project) as server:
        listed, by_service, old = ask(tmp_path, server.url, steps)
    for row, request in enumerate((100, 101)):
        expected = {name: _plain(value) for name, value in local(project, request).items()}
        shown = {name: values[row] for name, values in listed.items() if "__" in name}
        assert shown == {name: expected[name] for name in shown}
        served = {name: values[row] for name, values in by_service.items() if name in expected}
        assert {name: served[name] for name in shown} == shown
        assert old[row] == {name: expected[f"driver__{name}"] for name in NAMES}
    assert listed["driver__tip"] == [2.0, None]
    assert set(old[2].values()) == {None}


def test_the_stock_client_reads_what_it_wrote(project: Path, tmp_path: Path) -> None:
    when = NOW.replace(microsecond=0)
    ride = {
        "ride_id": 700, "driver_id": 70, "zone": "far", "fare": 3.25, "tip": 0.5, "seats": 3,
        "card": True, "note": "Übersee", "began": when.timestamp(),
    }  # fmt: skip
    written = {**ride, "event_timestamp": when.isoformat()}
    features = [f"ride:{name}" for name in VIEWS["ride"][1]]
    rows = [{"ride_id": 700}]
    drivers: dict[str, object] = {"features": ["driver:count_7d"], "rows": [{"driver_id": 70}]}
    steps: list[dict[str, object]] = [
        {"do": "write", "view": "ride", "rows": [written]},
        {"do": "read", "features": features, "rows": rows},
        {"do": "read", **drivers},
    ]
    with serving(project) as server:
        _, after, driver = ask(tmp_path, server.url, steps)
    assert {name: values[0] for name, values in after.items()} == ride
    assert driver["count_7d"] == [1]


def _plain(value: object) -> object:
    """Return a value as protobuf's JSON has it."""
    return "Infinity" if value == float("inf") else value
