from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from towpath.core.clock import SimulatedClock
from towpath.core.errors import Invalid
from towpath.core.instant import parse_instant, to_micros
from towpath.modelling.evaluate import evaluate
from towpath.monitoring.performance import latest, performance

START = parse_instant("2013-10-01")
WEEK = timedelta(days=7)
DAY_MICROS = 86_400_000_000
TICKS = [START + number * WEEK for number in range(1, 5)]
UTC_MICROS = pa.timestamp("us", "UTC")


def predicted(rows: int = 400, weeks: int = 4) -> tuple[pa.Table, pa.Table]:
    """Predictions over some weeks; a label is known two days later, each tenth after nine."""
    rng = np.random.default_rng(5)
    at = to_micros(START) + np.sort(rng.integers(0, weeks * 7 * DAY_MICROS, rows))
    probability = rng.random(rows)
    keys = pa.array([f'{{"id":{number}}}' for number in range(rows)])
    predictions = pa.table(
        {"key": keys, "at": pa.array(at, UTC_MICROS), "probability": probability}
    )
    late = np.where(np.arange(rows) % 10 == 0, 9, 2) * DAY_MICROS
    truth = rng.random(rows) < probability
    labels = pa.table({"key": keys, "known_at": pa.array(at + late, UTC_MICROS), "label": truth})
    return predictions, labels.take(rng.permutation(rows))


def test_each_window_equals_a_direct_evaluation_of_what_was_known() -> None:
    predictions, labels = predicted()
    frame = predictions.join(labels, "key").sort_by("at")
    at, known = (np.asarray(frame.column(name).cast(pa.int64())) for name in ("at", "known_at"))
    for one in performance(predictions, labels, ticks=TICKS, span=WEEK, coverage=0.0):
        start, end = to_micros(one.window.start), to_micros(one.window.end)
        rows = (at >= start) & (at < end) & (known <= to_micros(one.as_of))
        assert one.labelled == rows.sum()
        if one.mature:
            probability = np.asarray(frame.column("probability"))[rows]
            direct = evaluate(probability, np.asarray(frame.column("label"))[rows])
            assert one.metrics["log_loss"].value == pytest.approx(direct.log_loss.value)
            assert direct.roc_auc is not None
            assert one.metrics["roc_auc"].value == pytest.approx(direct.roc_auc.value)


def test_a_window_is_scored_again_when_labels_arrive() -> None:
    scored = performance(*predicted(), ticks=TICKS, span=WEEK, coverage=0.99)
    first = [one for one in scored if one.window.start == START]
    assert [one.as_of for one in first] == TICKS[:3]
    assert [one.mature for one in first] == [False, False, True]
    assert first[0].coverage < first[1].coverage < first[2].coverage == 1.0
    assert first[0].metrics == {}
    assert latest(scored)[0] == first[-1]


def test_a_label_known_after_the_tick_does_not_count() -> None:
    predictions, labels = predicted()
    clock = SimulatedClock(TICKS[0])
    ticks = [clock.now()]
    clock.move_to(TICKS[1])
    ticks.append(clock.now())
    flipped = np.asarray(labels.column("known_at").cast(pa.int64())) > to_micros(ticks[-1])
    truth = np.asarray(labels.column("label")) ^ flipped
    other = labels.set_column(2, "label", pa.array(truth))
    before = performance(predictions, labels, ticks=ticks, span=WEEK, coverage=0.0)
    assert before == performance(predictions, other, ticks=ticks, span=WEEK, coverage=0.0)


def test_the_last_known_label_of_a_key_counts() -> None:
    predictions, labels = predicted()
    wrong = labels.set_column(
        1, "known_at", pa.array([to_micros(START)] * labels.num_rows, UTC_MICROS)
    ).set_column(2, "label", pa.array(~np.asarray(labels.column("label"))))
    late = [*TICKS, *(TICKS[-1] + number * WEEK for number in (1, 2))]
    both = pa.concat_tables([labels, wrong])
    alone = latest(performance(predictions, labels, ticks=late, span=WEEK, coverage=0.0))
    assert latest(performance(predictions, both, ticks=late, span=WEEK, coverage=0.0))[
        0
    ].metrics == (alone[0].metrics)


def test_labels_of_unknown_keys_and_null_labels_are_left_out() -> None:
    predictions, labels = predicted()
    strangers = pa.table(
        {
            "key": ["nobody", '{"id":0}'],
            "known_at": pa.array([to_micros(TICKS[3])] * 2, UTC_MICROS),
            "label": pa.array([True, None]),
        }
    )
    expected = performance(predictions, labels, ticks=TICKS, span=WEEK, coverage=0.0)
    more = pa.concat_tables([labels, strangers])
    assert performance(predictions, more, ticks=TICKS, span=WEEK, coverage=0.0) == expected


def test_a_window_of_one_class_has_no_auc_but_a_loss() -> None:
    predictions, labels = predicted()
    labels = labels.set_column(2, "label", pa.array([False] * labels.num_rows))
    one = performance(predictions, labels, ticks=TICKS, span=WEEK, coverage=0.0)[-4]
    assert "roc_auc" not in one.metrics
    assert one.metrics["log_loss"].value > 0


def test_an_empty_window_is_not_scored() -> None:
    predictions, labels = predicted(weeks=2)
    last = performance(predictions, labels, ticks=TICKS, span=WEEK, coverage=0.9)[-1]
    assert (last.predictions, last.mature, last.mean_probability) == (0, False, None)


@pytest.mark.parametrize("ticks", [[], [TICKS[0], TICKS[2], TICKS[3]], TICKS[::-1]])
def test_uneven_ticks_are_refused(ticks: list[object]) -> None:
    with pytest.raises(Invalid, match="ticks"):
        performance(*predicted(), ticks=ticks, span=WEEK, coverage=0.9)  # type: ignore[arg-type]  # wrong on purpose


def test_a_missing_column_suggests_a_close_one() -> None:
    predictions, labels = predicted()
    with pytest.raises(Invalid, match="'known_at' is missing"):
        performance(
            predictions, labels.drop_columns(["known_at"]), ticks=TICKS, span=WEEK, coverage=0.9
        )
