from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from towpath.core.errors import Invalid
from towpath.core.finding import blocking
from towpath.modelling.evaluate import DAY, day_clusters
from towpath.modelling.gates import gate
from towpath.modelling.model import Gate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TRIALS = 300
AUC, LOSS = Gate(), Gate(metric="log_loss")


def two_models(
    seed: int, *, gain: float, rows: int = 1000
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Draw labels, and two models that see the truth through noise of their own."""
    random = np.random.default_rng(seed)
    truth = random.normal(-0.5, 1.0, rows)
    label = random.logistic(size=rows) < truth
    noise = random.normal(0.0, 0.8, (2, rows))
    seen = np.stack([truth + noise[0] * (1.0 - gain), truth + noise[1]])
    challenger, champion = 1.0 / (1.0 + np.exp(-seen))
    return label, challenger, champion


def promoted(rule: Gate, *, gain: float) -> float:
    """Return the share of trials in which the challenger was let through."""
    count = 0
    for seed in range(TRIALS):
        label, challenger, champion = two_models(seed, gain=gain)
        report = gate(rule, label, challenger=challenger, champion=champion)
        count += report.decision == "promote"
    return count / TRIALS


@pytest.mark.parametrize("rule", [AUC, LOSS])
def test_an_equal_challenger_is_promoted_no_more_often_than_alpha(rule: Gate) -> None:
    # Alpha is 5 %; with 300 trials, 9 % is more than three standard errors above it.
    assert 0.0 < promoted(rule, gain=0.0) <= 0.09


@pytest.mark.parametrize("rule", [AUC, LOSS])
def test_a_better_challenger_is_promoted(rule: Gate) -> None:
    assert promoted(rule, gain=0.7) > 0.95


def test_a_worse_challenger_is_rejected() -> None:
    label, better, worse = two_models(0, gain=0.7)
    report = gate(AUC, label, challenger=worse, champion=better)
    assert report.decision == "reject"
    assert report.delta < 0.0
    assert report.p_value > 0.95
    assert blocking(report.findings)


def test_a_model_does_not_beat_itself() -> None:
    label, same, _ = two_models(0, gain=0.0)
    report = gate(AUC, label, challenger=same, champion=same)
    assert (report.decision, report.delta, report.p_value) == ("reject", 0.0, 1.0)


def test_an_equal_model_is_not_inferior() -> None:
    label, same, _ = two_models(0, gain=0.0)
    rule = Gate(mode="non_inferior", margin=0.005)
    assert gate(rule, label, challenger=same, champion=same).decision == "promote"


def test_a_margin_asks_for_a_gain() -> None:
    label, challenger, champion = two_models(0, gain=0.7)
    assert gate(Gate(margin=0.2), label, challenger=challenger, champion=champion).p_value > 0.5


def test_the_first_model_is_promoted() -> None:
    label, challenger, _ = two_models(0, gain=0.0)
    report = gate(AUC, label, challenger=challenger, champion=None)
    assert report.decision == "promote"
    assert report.findings[0].message == "No champion yet."


def test_rows_that_depend_on_each_other_prove_less() -> None:
    label, challenger, champion = two_models(1, gain=0.3, rows=400)
    copies = np.repeat(np.arange(400), 5)
    label, challenger, champion = label[copies], challenger[copies], champion[copies]
    careless = gate(AUC, label, challenger=challenger, champion=champion)
    careful = gate(AUC, label, challenger=challenger, champion=champion, clusters=copies)
    assert careful.delta == careless.delta
    assert careful.lower < careless.lower


def test_too_few_rows_are_refused_with_their_number() -> None:
    label, challenger, champion = two_models(0, gain=0.7, rows=20)
    label = np.arange(20) < 3
    report = gate(AUC, label, challenger=challenger, champion=champion)
    assert report.decision == "reject"
    assert "20 test rows hold 3 of one class" in report.findings[0].message
    days = np.zeros(1000, np.int64)
    label, challenger, champion = two_models(0, gain=0.7)
    report = gate(AUC, label, challenger=challenger, champion=champion, clusters=days)
    assert "span 1 clusters" in report.findings[0].message


def test_scores_of_other_rows_are_refused() -> None:
    label, challenger, champion = two_models(0, gain=0.0)
    with pytest.raises(Invalid, match="same rows"):
        gate(AUC, label, challenger=challenger, champion=champion[:-1])


def test_the_difference_that_would_pass_includes_the_margin() -> None:
    label, challenger, champion = two_models(0, gain=0.0)
    plain, strict, lenient = (
        gate(rule, label, challenger=challenger, champion=champion).detectable
        for rule in (AUC, Gate(margin=0.02), Gate(mode="non_inferior", margin=0.02))
    )
    assert strict == pytest.approx(plain + 0.02)
    assert lenient == pytest.approx(plain - 0.02)


@pytest.mark.parametrize(("count", "decision"), [(9, "reject"), (10, "promote")])
def test_rows_of_a_few_days_do_not_promote(count: int, decision: str) -> None:
    label, challenger, champion = two_models(0, gain=0.7)
    by = day_clusters(np.arange(len(label)) % count * DAY)
    report = gate(AUC, label, challenger=challenger, champion=champion, clusters=by)
    assert report.decision == decision
    assert (f"span {count} clusters" in report.findings[0].message) == (count < 10)
