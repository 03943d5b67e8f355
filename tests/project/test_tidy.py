from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import parquet

from towpath.core.errors import Contract, Invalid, NotFound
from towpath.project.tidy import Roles, tidy

if TYPE_CHECKING:
    from pathlib import Path


def tidied(tmp_path: Path, text: str, roles: Roles) -> pa.Table:
    (tmp_path / "in.csv").write_text(text)
    tidy(tmp_path / "in.csv", tmp_path / "out.parquet", roles)
    return parquet.read_table(tmp_path / "out.parquet")


def test_names_become_legal_and_rows_are_numbered_without_a_key(tmp_path: Path) -> None:
    table = tidied(tmp_path, "Order ID,Paid By\n7,card\n8,\n", Roles())
    assert table.column_names == ["row_id", "order_id", "paid_by"]
    assert table["row_id"].to_pylist() == ["1", "2"]
    assert table["paid_by"].to_pylist() == ["card", None]


@pytest.mark.parametrize(
    ("values", "positive", "expected"),
    [
        (["yes", "no"], "", [True, False]),
        (["0", "1"], "", [False, True]),
        (["true", "false"], "", [True, False]),
        (["lost", "won"], "lost", [True, False]),
    ],
)
def test_a_label_of_two_values_becomes_true_and_false(
    tmp_path: Path, values: list[str], positive: str, expected: list[bool]
) -> None:
    text = "y\n" + "\n".join(values) + "\n"
    assert tidied(tmp_path, text, Roles(label="y", positive=positive))["y"].to_pylist() == expected


@pytest.mark.parametrize("values", ["fraud\nlegit", "1\n2", "good\nbad"])
def test_a_label_that_says_not_which_is_true_is_asked_for(tmp_path: Path, values: str) -> None:
    with pytest.raises(Invalid, match="counts as true"):
        tidied(tmp_path, f"y\n{values}\n", Roles(label="y"))


def test_a_label_of_three_values_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Contract, match="3 different values: a, b, c"):
        tidied(tmp_path, "y\na\nb\nc\n", Roles(label="y"))


def test_a_key_with_duplicates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Contract, match="2 rows, 1 different"):
        tidied(tmp_path, "id,y\n1,a\n1,b\n", Roles(key="id"))


def test_an_unknown_column_names_the_close_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="Did you mean 'order_id'"):
        tidied(tmp_path, "Order ID\n1\n", Roles(key="ordr id"))


def test_naive_times_need_a_zone(tmp_path: Path) -> None:
    text = "at\n2013-07-01 08:00:00\n"
    with pytest.raises(Invalid, match="--zone"):
        tidied(tmp_path, text, Roles(time="at"))
    table = tidied(tmp_path, text, Roles(time="at", zone="America/New_York"))
    assert table["at"][0].as_py() == datetime(2013, 7, 1, 12, tzinfo=UTC)


def test_times_with_a_zone_are_kept_as_instants(tmp_path: Path) -> None:
    table = tidied(tmp_path, "at\n2013-07-01T08:00:00+02:00\n", Roles(time="at"))
    assert table["at"][0].as_py() == datetime(2013, 7, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "a,b\n", "a,b\n1,2,3\n", "a,A\n1,2\n"])
def test_what_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Contract):
        tidied(tmp_path, text, Roles())


def test_an_unknown_zone_names_the_close_one(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="Europe/Lisbon"):
        tidied(tmp_path, "at\n2013-07-01 08:00:00\n", Roles(time="at", zone="Europe/Lisbn"))


@pytest.mark.parametrize(("column", "option"), [("known_at", "--time"), ("Row ID", "--key")])
def test_a_column_named_as_one_that_is_added_is_refused(
    tmp_path: Path, column: str, option: str
) -> None:
    roles = Roles(known_at="2026-01-01T00:00:00Z")
    with pytest.raises(Invalid, match=f"Use it: {option}"):
        tidied(tmp_path, f"{column},y\n1,2\n", roles)


def test_a_name_that_python_reserves_is_spelt_otherwise(tmp_path: Path) -> None:
    table = tidied(tmp_path, "class,Import,classes\n1,2,3\n", Roles())
    assert table.column_names[1:] == ["class_", "import_", "classes"]
