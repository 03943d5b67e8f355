from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from towpath.core.errors import Contract
from towpath.modelling.columns import FeatureColumns
from towpath.modelling.examples import Examples, Join, examples, split
from towpath.modelling.model import HashSplit, Label, TimeSplit

MOMENT = pa.timestamp("us", "UTC")
COLUMNS = FeatureColumns({"hour": "int64"})


def day(number: int) -> datetime:
    return datetime(2013, 1, number, tzinfo=UTC)


def schedule(rows: int = 4) -> pa.Table:
    return pa.table(
        {
            "flight": [f"f{at}" for at in range(rows)],
            "leg": [1] * rows,
            "at": pa.array([day(1 + at) for at in range(rows)], MOMENT),
            "hour": list(range(rows)),
        }
    )


def arrivals(flights: list[str], late: list[object], known: list[datetime]) -> pa.Table:
    return pa.table(
        {
            "flight": flights,
            "leg": [1] * len(flights),
            "landed": pa.array(known, MOMENT),
            "late": late,
        }
    )


def labelled(training: pa.Table, labels: pa.Table, column: str = "late") -> Examples:
    return examples(
        training,
        labels,
        label=Label("arrivals", column),
        columns=COLUMNS,
        join=Join(("flight", "leg"), "at", "landed"),
    )


def test_rows_keep_their_order_and_those_without_a_label_are_left_out() -> None:
    labels = arrivals(["f3", "f0", "f2"], [True, False, None], [day(9), day(8), day(7)])
    rows = labelled(schedule(), labels)
    assert rows.features["hour"].to_pylist() == [0, 3]
    assert rows.label.tolist() == [False, True]
    assert rows.key == ("f0\x1f1", "f3\x1f1")


def test_a_label_of_zero_and_one_is_taken() -> None:
    labels = arrivals(["f0", "f1"], [1, 0], [day(9), day(9)])
    assert labelled(schedule(), labels).label.tolist() == [True, False]


def test_a_label_that_is_no_answer_is_refused() -> None:
    with pytest.raises(Contract, match=r"arrivals\.late is int64"):
        labelled(schedule(), arrivals(["f0"], [2], [day(9)]))


def test_a_missing_label_column_is_named() -> None:
    with pytest.raises(Contract, match="Did you mean 'late'"):
        labelled(schedule(), arrivals(["f0"], [True], [day(9)]), "latte")


def test_two_answers_for_one_key_are_refused() -> None:
    with pytest.raises(Contract, match="two answers"):
        labelled(schedule(), arrivals(["f0", "f0"], [True, False], [day(8), day(9)]))


def test_no_label_at_all_is_refused() -> None:
    with pytest.raises(Contract, match="No row of the training set has a label"):
        labelled(schedule(), arrivals(["other"], [True], [day(9)]))


def test_a_label_known_after_the_cut_is_not_trained_on() -> None:
    names = [f"f{at}" for at in range(6)]
    known = [day(1), day(2), day(20), day(20), day(20), day(20)]
    labels = arrivals(names, [True, False, True, True, False, True], known)
    train, test = split(labelled(schedule(6), labels), TimeSplit(day(4), day(6)))
    assert train.features["hour"].to_pylist() == [0, 1]
    assert test.features["hour"].to_pylist() == [3, 4]


def test_a_side_without_both_answers_is_refused() -> None:
    labels = arrivals(["f0", "f1", "f2"], [True, True, False], [day(1), day(2), day(3)])
    with pytest.raises(Contract, match="training rows hold 2 rows and not both answers"):
        split(labelled(schedule(), labels), TimeSplit(day(3)))


def test_a_key_stays_on_its_side_when_rows_are_added() -> None:
    def test_keys(rows: int) -> set[str]:
        names = [f"f{at}" for at in range(rows)]
        labels = arrivals(names, [at % 2 == 0 for at in range(rows)], [day(20)] * rows)
        table = schedule(4).slice(0, 0)
        table = pa.table(
            {
                "flight": names,
                "leg": [1] * rows,
                "at": pa.array([day(1)] * rows, MOMENT),
                "hour": [0] * rows,
            }
        )
        return set(split(labelled(table, labels), HashSplit(0.25))[1].key)

    few, many = test_keys(400), test_keys(2000)
    assert few == {key for key in many if int(key[1:].partition("\x1f")[0]) < 400}
    assert 0.2 < len(many) / 2000 < 0.3
