"""Drift: a window's profile against the history of profiles, calibrated on that history.

Three channels are scored. *Shape* is the Jensen-Shannon divergence from the pooled history,
*location* the mean of normal scores of the reference ranks, *null* the null rate on the
arcsine-root scale. For each, the sampling noise is known from the counts, and what the history
varies beyond it is estimated from the history itself, so one rule holds at every sample size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from towpath.core.interval import Interval
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.monitoring.profile import Bins, Profile

LEAST_HISTORY = 4
LEAST_ROWS = 50
TOLD = 0.01
FLOORS = {"shape": 0.05, "location": 0.15, "null": 0.02}

Channel = Literal["shape", "location", "null"]
Status = Literal["learning", "quiet", "alarm"]
Floats = npt.NDArray[np.float64]


class Moved(Record, frozen=True):
    """How far one channel of a column moved.

    Args:
        channel: what was compared.
        effect: shape: Jensen-Shannon distance without its noise, 0 to 0.83; location: shift in
            standard deviations of the reference; null: change of the null rate.
        z: the same in units of what the history varies.
        p: chance of a ``z`` as far out without drift.
    """

    channel: Channel
    effect: float
    z: float
    p: float

    @property
    def matters(self) -> bool:
        """Whether the effect is above the floor under which a change is of no consequence."""
        return abs(self.effect) >= FLOORS[self.channel]


class DriftScore(Record, frozen=True):
    """One column in one window.

    Args:
        column: the column.
        window: the times compared with the history before them.
        status: ``learning`` while the history or the window is too small to judge.
        p: chance of so far a move in any channel without drift; 1 where none matters.
        moves: the channels, the farthest out first.
        history: number of earlier windows it was compared with.
    """

    column: str
    window: Interval
    status: Status
    p: float = 1.0
    moves: tuple[Moved, ...] = ()
    history: int = 0

    @property
    def z(self) -> float:
        """How far out the farthest move is, whether it matters or not; 0 while learning."""
        return max((abs(move.z) for move in self.moves), default=0.0)

    @property
    def message(self) -> str:
        """The moves that matter, the clearest first, in words."""
        told = [_told(one) for one in self.moves if one.matters and one.p < TOLD]
        return ", ".join(told) or "no change that matters"


def drift(
    profiles: Mapping[str, Sequence[Profile]],
    bins: Mapping[str, Bins],
    *,
    first: int,
    history: int = 26,
    false_discovery: float = 0.01,
) -> tuple[DriftScore, ...]:
    """Score every column in every window from the one numbered ``first`` on.

    Windows that alarmed are left out of later comparisons of their column, so that a lasting
    change goes on alarming. Alarms are chosen by Benjamini and Hochberg over a window's columns.

    Args:
        profiles: consecutive profiles by column, equally many for each.
        bins: how the columns were counted.
        first: number of the first window to score; those before are history only.
        history: how many earlier windows to compare with at most.
        false_discovery: share of alarms that may be false.

    Example:
        >>> from towpath.core.instant import EPOCH
        >>> from towpath.monitoring.profile import Bins, Profile
        >>> counts = [(500, 500)] * 5 + [(100, 900)]
        >>> seen = [Profile("x", Interval(EPOCH, EPOCH), row, 0) for row in counts]
        >>> [one.status for one in drift({"x": seen}, {"x": Bins("x", "numeric", (0.0,))}, first=4)]
        ['quiet', 'alarm']
    """
    alarmed: dict[str, set[int]] = {name: set() for name in profiles}
    scores: list[DriftScore] = []
    for number in range(first, len(next(iter(profiles.values()), ()))):
        row = [
            score(some[number], _usable(some[:number], alarmed[name])[-history:], bins[name])
            for name, some in profiles.items()
        ]
        for one in _alarms(row, false_discovery):
            scores.append(one)
            if one.status == "alarm":
                alarmed[one.column].add(number)
    return tuple(scores)


def _usable(earlier: Sequence[Profile], alarmed: set[int]) -> list[Profile]:
    """Leave out windows that alarmed and those with too few rows."""
    return [
        one
        for number, one in enumerate(earlier)
        if number not in alarmed and one.rows >= LEAST_ROWS
    ]


def _told(move: Moved) -> str:
    """Put a move into words."""
    if move.channel == "location":
        return f"shifted by {move.effect:+.2f} sd"
    if move.channel == "null":
        return f"null rate {100 * move.effect:+.1f} points"
    return f"shape changed by {move.effect:.2f}"


def score(now: Profile, history: Sequence[Profile], bins: Bins) -> DriftScore:
    """Compare one profile with earlier ones of the same column.

    The location is compared only where enough earlier windows hold values.
    """
    if len(history) < LEAST_HISTORY or now.rows < LEAST_ROWS:
        return DriftScore(now.column, now.window, "learning", history=len(history))
    counts = np.array([one.counts for one in history], dtype=np.float64)
    nulls = np.array([one.nulls for one in history], dtype=np.float64)
    present = np.array(now.counts, dtype=np.float64)
    moves = [
        _shape(np.append(present, now.nulls), np.column_stack([counts, nulls])),
        _null(now.nulls, now.rows, nulls, counts.sum(axis=1) + nulls),
    ]
    filled = counts[counts.sum(axis=1) > 0]
    if bins.kind == "numeric" and present.sum() and len(filled) >= LEAST_HISTORY:
        moves.append(_location(present, filled))
    moves.sort(key=lambda move: (not move.matters, move.p))
    least = min((move.p for move in moves if move.matters), default=1.0)
    p = min(1.0, least * len(moves))
    return DriftScore(now.column, now.window, "quiet", p, tuple(moves), len(history))


def _alarms(row: Sequence[DriftScore], false_discovery: float) -> list[DriftScore]:
    """Let the columns of one window alarm whose p passes Benjamini and Hochberg's bound."""
    judged = sorted(one.p for one in row if one.status != "learning")
    bound = 0.0
    for rank, p in enumerate(judged, start=1):
        if p <= false_discovery * rank / len(judged):
            bound = p
    return [
        one.replace(status="alarm") if one.status == "quiet" and one.p <= bound else one
        for one in row
    ]


def _shape(now: Floats, history: Floats) -> Moved:
    """Score the divergence from the pooled history against each earlier window's from the rest.

    Sampling brings a multiple of chi-square with one degree of freedom less than there are bins.
    What the history varies beyond that is taken to vary in one direction, the widest case, and to
    be known no better than from so many windows: hence an F distribution.
    """
    pooled = history.sum(axis=0)
    freedom = max(int(np.count_nonzero(pooled + now)) - 1, 1)
    size, rest = float(now.sum()), float(pooled.sum())
    sizes = history.sum(axis=1)
    noise = freedom / 8 * (1 / size + 1 / rest)
    noises = freedom / 8 * (1 / sizes + 1 / np.maximum(rest - sizes, 1))
    divergence = _jensen_shannon(now, pooled)
    earlier = np.array([_jensen_shannon(one, pooled - one) for one in history])
    beyond = earlier - noises
    excess = max(0.0, float(beyond.mean() + stats.sem(beyond)))
    mean = noise + excess
    upper = mean**2 / (noise * (noise + 2 * excess) / freedom + excess**2)
    p = float(stats.f.sf(divergence / mean, upper, upper * (len(history) - 1)))
    effect = float(np.sqrt(max(0.0, divergence - noise)))
    return Moved("shape", effect, _as_z(p), p)


def _location(now: Floats, history: Floats) -> Moved:
    """Score the mean normal score of the reference ranks."""
    shares = history.sum(axis=0) / history.sum()
    middles = np.cumsum(shares) - shares / 2
    normal = special.ndtri(np.clip(middles, 1e-4, 1 - 1e-4))
    centre = float(shares @ normal)
    deviation = float(np.sqrt(shares @ (normal - centre) ** 2)) or 1.0
    values = (normal - centre) / deviation
    sizes = history.sum(axis=1)
    value = float(now @ values / now.sum())
    z, p = _excess(value, history @ values / sizes, noise=1 / now.sum(), noises=1 / sizes)
    return Moved("location", value, z, p)


def _null(nulls: float, rows: float, history: Floats, sizes: Floats) -> Moved:
    """Score the null rate where its variance does not depend on the rate."""
    now = 2 * np.arcsin(np.sqrt(nulls / rows))
    earlier = 2 * np.arcsin(np.sqrt(history / sizes))
    z, p = _excess(float(now), earlier, noise=1 / rows, noises=1 / sizes)
    return Moved("null", float(nulls / rows - history.sum() / sizes.sum()), z, p)


def _excess(value: float, history: Floats, *, noise: float, noises: Floats) -> tuple[float, float]:
    """Score a value against earlier ones whose sampling variances are known.

    What the earlier values vary beyond their noise is estimated with one degree of freedom less
    than there are windows; the tail is Student's with the degrees of freedom of the mixture.
    """
    count = len(history)
    excess = max(0.0, float(np.var(history, ddof=1) - noises.mean()))
    variance = noise + excess + (excess + noises.mean()) / count
    z = (value - float(history.mean())) / float(np.sqrt(variance))
    freedom = _freedom(count, excess * (1 + 1 / count) / variance)
    return z, float(2 * stats.t.sf(abs(z), freedom))


def _freedom(count: int, share: float) -> float:
    """Give the degrees of freedom of a variance of which a share was estimated (Satterthwaite)."""
    return min((count - 1) / max(share, 1e-3) ** 2, 1e6)


def _as_z(p: float) -> float:
    """Give the standard normal deviate with an upper tail of ``p``."""
    return float(stats.norm.isf(max(p, 1e-300)))


def _jensen_shannon(left: Floats, right: Floats) -> float:
    """Compute the Jensen-Shannon divergence of two counts, in nats."""
    p, q = left / left.sum(), right / max(right.sum(), 1.0)
    middle = (p + q) / 2
    divergence = special.rel_entr(p, middle).sum() + special.rel_entr(q, middle).sum()
    return float(divergence / 2)
