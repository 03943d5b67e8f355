"""``towpath feature``: what is shown, compared, made and made again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from tests.features.rides import ingest_rides, write_project

from towpath.cli.feature import feature
from towpath.core.errors import Invalid, NotFound
from towpath.project.plan import plan_project
from towpath.steps.project import apply
from towpath.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path


def register(root: Path) -> None:
    with Workspace(root) as workspace:
        apply(workspace, plan_project(workspace.project, workspace.catalog))


@pytest.fixture
def rides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = write_project(tmp_path)
    register(root)
    with Workspace(root) as workspace:
        ingest_rides(workspace)
    monkeypatch.chdir(root)
    monkeypatch.setenv("COLUMNS", "200")
    return root


def run(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(feature, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done


def answer(*arguments: str, code: int = 0) -> Any:  # noqa: ANN401 - whatever JSON holds
    return json.loads(run(*arguments, "--json", code=code).stdout)


@pytest.mark.usefixtures("rides")
def test_a_training_set_is_kept_and_made_again() -> None:
    made = answer("training-set", "ride", "--save", "first")
    assert made["manifest"]["rows"] == 4
    assert made["filled"]["car__km"] == 0.75
    assert answer("training-set", "--rebuild", made["id"])["equal"] is True
    shown = run("training-set", "--rebuild", "first").output
    assert "4 rows, the same bit for bit" in shown
    assert "Kept as first" in run("training-set", "ride", "--save", "first").output


def test_labels_come_from_files_queries_datasets_or_a_time(rides: Path) -> None:
    (rides / "late.csv").write_text("car,at\na,2013-01-01T00:06:00Z\n")
    query = "SELECT car, \"at\" FROM asks WHERE car = 'a'"
    for options, rows in (
        (("--labels", "late.csv"), 1),
        (("--labels", "asks"), 4),
        (("--sql", query), 2),
        (("--at", "2013-01-01T00:02:00Z"), 2),
        (("--at", "2013-01-01T00:02:00Z", "--since", "2013-01-01T00:02:00Z"), 1),
        (("--as-served", "--visible-after", "52w"), 4),
    ):
        assert answer("training-set", "ride", *options)["manifest"]["rows"] == rows


@pytest.mark.usefixtures("rides")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "of a feature set, of a --model, or one to --rebuild"),
        (("ride", "--rebuild", "x"), "of a feature set, of a --model"),
        (("ride", "--sql", "SELECT 1", "--labels", "asks"), "--labels and --sql cannot be given"),
        (("--rebuild", "x", "--at", "2013-01-01"), "--at cannot be given here"),
        (("ride", "--since", "2013-01-01"), "--since is given without --at"),
        (("ride", "--visible-after", "1h"), "--visible-after is given without --as-served"),
        (("ride", "--overwrite"), "--overwrite is given without --save"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(Invalid, match=message):
        run("training-set", *arguments)


@pytest.mark.usefixtures("rides")
def test_a_view_is_shown_with_what_it_holds_and_how_fresh_it_is() -> None:
    before = answer("show", "car")
    assert (before["freshness"], before["measured_at"]) == ([], "")
    answer("training-set", "ride", "--save", "first")
    answer("backfill", "car", "--from", "2013-01-01", "--to", "2013-01-02")
    after = answer("show", "car")
    km = after["features"][0]
    assert (km["name"], km["dtype"], km["computed"]) == ("km", "int64", "latest km, at most 1h old")
    assert (km["statistics"]["nulls"], km["statistics"]["maximum"]) == (1, 4)
    assert after["freshness"][0]["newest"] == "2013-01-01T00:20:00Z"
    assert after["downstream"] == ["feature_set/ride"]
    assert "dataset/sightings.km" in after["upstream"]
    shown = run("show", "ride").output
    assert "75.0%" in shown
    assert "derived from car__km_sum_2h" in shown
    assert "car online: events up to 2013-01-02T00:00:00Z" in shown


@pytest.mark.usefixtures("rides")
def test_what_is_neither_view_nor_set_is_not_shown() -> None:
    with pytest.raises(NotFound, match="no view and no feature set 'rid'"):
        run("show", "rid")


@pytest.mark.usefixtures("rides")
def test_a_key_has_its_values_online_and_at_any_time_in_the_lake() -> None:
    then = answer("get", "ride", "4", "--at", "2013-01-01T00:30:00Z")
    assert then == {"car__km": 4, "car__kind": "y", "car__km_sum_2h": 5, "far": 0.5}
    early = answer("get", "ride", "4", "--at", "2013-01-01T00:05:00Z")
    assert (early["car__km"], early["car__km_sum_2h"]) == (1, 1)
    answer("materialize")
    now = answer("get", "ride", "4")
    assert now == {"car__km": None, "car__kind": None, "car__km_sum_2h": 0, "far": 0.0}
    for arguments in (("9",), ("4", "--at", "2013-01-01")):
        with pytest.raises(NotFound, match="No row of 'asks' has the key"):
            run("get", "ride", *arguments)


@pytest.mark.usefixtures("rides")
def test_the_events_that_made_a_value_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    answer("materialize", "--until", "2013-01-01T01:00:00Z", "--history", "1d")
    then = ("--explain", "--at", "2013-01-01T00:30:00Z")
    shown = run("get", "ride", "4", *then).stdout.splitlines()
    assert max(map(len, shown)) <= 80
    start = shown.index("car__km_sum_2h = 5")
    assert shown[start : start + 6] == [
        "car__km_sum_2h = 5",
        "  sum of km over 2h",
        "  after 2012-12-31T22:30:00Z",
        "  up to 2013-01-01T00:30:00Z",
        "  2 events",
        "    2013-01-01T00:20:00Z         lake    4",
    ]
    assert shown[-3:] == ["far = 0.5", "  function far", "  car__km_sum_2h = 5"]
    (one,) = answer("get", "ride", "4", *then, "--feature", "car__kind")["features"]
    assert (one["value"], one["events"], one["agrees"]) == ("y", 1, True)
    with pytest.raises(Invalid, match="--feature is given without --explain"):
        run("get", "ride", "4", "--feature", "car__kind")


def test_views_that_no_set_names_are_materialised_and_spines_may_be_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view of a dataset without rows is left out: there may yet be some that are pushed."""
    root = write_project(tmp_path)
    dataset = "name: stops\nkey: [stop]\nevent_time: at\ncolumns:\n"
    columns = "  - {name: stop, dtype: int64}\n  - {name: at, dtype: timestamp}\n"
    (root / "datasets" / "stops.yaml").write_text(dataset + columns)
    (root / "features" / "more.py").write_text(
        "from towpath.features.feature_set import FeatureSet\n"
        "from towpath.features.view import FeatureView, Latest\n"
        'kind = FeatureView("kind", "sightings", ("kind",), (Latest("km"),))\n'
        'stop = FeatureView("stop", "stops", ("stop",), (Latest("at"),))\n'
        'halt = FeatureSet("halt", "stops", "at", columns=("stop",))\n'
    )
    register(root)
    with Workspace(root) as workspace:
        ingest_rides(workspace)
    monkeypatch.chdir(root)
    nothing = answer("materialize", "ride", "--until", "2012-01-01T00:00:00Z")
    assert nothing["keys"] == {"car": 0, "spine.asks": 0}
    told = answer("materialize", "--until", "2013-01-01T01:00:00Z")
    assert told["keys"] == {"car": 2, "kind": 2, "spine.asks": 4, "spine.stops": 0}
    with pytest.raises(NotFound, match="No row of 'stops' has the key"):
        run("get", "halt", "1")
    assert set(answer("materialize", "ride")["keys"]) == {"car", "spine.asks"}


def test_versions_are_compared_feature_by_feature(rides: Path) -> None:
    assert "have the same features" in run("diff", "ride").output
    first = answer("show", "ride")["version"]
    path = rides / "features" / "ride.py"
    changed = path.read_text().replace("hours=2", "hours=3").replace('Latest("kind"), ', "")
    path.write_text(changed.replace("km_sum_2h", "km_sum_3h"))
    found = {one["feature"]: one for one in answer("diff", "ride")["changes"]}
    assert {name: one["change"] for name, one in found.items()} == {
        "car__kind": "removed",
        "car__km_sum_2h": "removed",
        "car__km_sum_3h": "added",
        "far": "changed",
    }
    assert any(field.startswith("inputs:") for field in found["far"]["fields"])
    register(rides)
    assert answer("diff", "ride")["changes"] == []
    again = answer("diff", f"ride@{first[:6]}", "ride@registered")
    assert [one["feature"] for one in again["changes"]] == list(found)
    path.write_text(changed.replace("hours=1", "minutes=5").replace("km_sum_2h", "km_sum_3h"))
    ttl = {one["feature"]: one["fields"] for one in answer("diff", "car")["changes"]}
    assert set(ttl) == {"km", "km_sum_3h"}
    assert ttl["km"] == ["ttl: PT3600S -> PT300S"]


@pytest.mark.usefixtures("rides")
def test_a_version_that_is_not_there_is_named() -> None:
    with pytest.raises(NotFound, match="No version 'ffff' of 'ride'"):
        run("diff", "ride@ffff")
    with pytest.raises(Invalid, match="Compare two views"):
        run("diff", "ride@registered", "car@registered")
