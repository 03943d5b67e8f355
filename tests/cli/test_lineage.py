from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from towpath.catalog.lineage import Node, record_run
from towpath.cli.main import towpath
from towpath.core.errors import Invalid, NotFound
from towpath.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ask = Callable[..., str]

SEATS = """\
feature_view/aircraft.seats is made of 1 dataset, 1 source
├── dataset/planes.known_at
│   └── source/data/planes.parquet
├── dataset/planes.seats
│   └── source/data/planes.parquet
└── dataset/planes.tail_number
    └── source/data/planes.parquet
"""


@pytest.fixture(scope="module")
def flights(applied: Path) -> Path:
    """The flights project, applied, with two versions of its model that runs made."""
    with Workspace(applied) as workspace:
        arrivals = Node("dataset", "arrivals", version="4")
        record_run(workspace.catalog, "ingest_1", writes=[arrivals])
        for number in ("9", "10"):
            model = Node("model", "delay", version=number)
            record_run(workspace.catalog, f"train_{number}", reads=[arrivals], writes=[model])
    return applied


@pytest.fixture
def ask(flights: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.chdir(flights)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(towpath, ["lineage", *arguments], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    return run


def test_a_column_leads_over_its_features_to_the_endpoint(ask: Ask) -> None:
    text = ask("departures.dep_delay", "--down")
    assert text.startswith("dataset/departures.dep_delay goes into 1 endpoint, 1 feature set")
    first = [line.strip(" ├└─│") for line in text.splitlines()[1:6]]
    assert first == [
        "feature_view/aircraft_departures.dep_delay_latest",
        "feature_set/flight_delay.aircraft_departures__dep_delay_latest",
        "model/delay",
        "endpoint/delay",
        "monitor/delay",
    ]
    assert text.count("model/delay (as above)") == 7


def test_names_are_never_cut_off(ask: Ask) -> None:
    text = ask("model/delay", "--up", "--columns")
    assert "feature_set/flight_delay.aircraft_departures__dep_delay_mean_1d" in text
    assert "…" not in text


def test_a_feature_is_made_of_columns(ask: Ask) -> None:
    assert ask("aircraft.seats", "--up") == SEATS


def test_both_directions_unless_one_is_asked_for(ask: Ask) -> None:
    text = ask("feature_view/aircraft")
    assert "feature_view/aircraft is made of 1 dataset, 1 source" in text
    assert "feature_view/aircraft goes into 1 endpoint, 1 feature set, 1 model" in text


def test_depth_stops_the_walk(ask: Ask) -> None:
    text = ask("planes", "--down", "--depth", "1")
    assert "feature_view/aircraft" in text
    assert "feature_set" not in text


def test_a_version_shows_the_versions_it_was_made_from(ask: Ask) -> None:
    text = ask("model/delay@10", "--up")
    assert [line.strip(" ├└─│") for line in text.splitlines()] == [
        "model/delay@10 is made of 1 dataset, 2 runs",
        "run/train_10",
        "dataset/arrivals@4",
        "run/ingest_1",
    ]
    assert "model/delay@9" in ask("arrivals@4", "--down")
    assert "model/delay@9" in ask("run/train_9", "--down")


def test_json_has_nodes_and_edges(ask: Ask) -> None:
    found = json.loads(ask("planes.seats", "--down", "--json"))
    assert found["node"] == {"kind": "dataset", "name": "planes", "column": "seats"}
    assert {"kind": "endpoint", "name": "delay"} in found["downstream"]["nodes"]
    assert "upstream" not in found


def test_what_nothing_is_made_of_says_so(ask: Ask) -> None:
    assert "goes into nothing that is registered" in ask("airports.name", "--down")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("model/delya", "Did you mean model/delay?"),
        ("flight_dealy", "feature_set/flight_delay"),
        ("departures.dep_dely", "Did you mean 'dep_delay'?"),
        ("model/delay@3", "Known: 10, 9."),
        ("run/train_8", "towpath status"),
        ("qqqq", "towpath search"),
    ],
)
def test_an_unknown_name_gets_a_suggestion(ask: Ask, name: str, hint: str) -> None:
    with pytest.raises(NotFound) as error:
        ask(name)
    assert hint in error.value.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("delay", "Write model/delay or endpoint/delay or monitor/delay."),
        ("arrivals.late@4", "arrivals"),
    ],
)
def test_an_unclear_name_is_refused(ask: Ask, name: str, hint: str) -> None:
    with pytest.raises((Invalid, NotFound)) as error:
        ask(name)
    assert hint in error.value.hint
