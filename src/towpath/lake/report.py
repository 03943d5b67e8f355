"""What became of the rows that were to go into a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.core.finding import Finding
from towpath.core.record import Record
from towpath.lake.checks import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class IngestReport(Record, frozen=True):
    """What became of a batch, or of several.

    Args:
        dataset: where it went.
        version: the table's version that holds it, that of the last batch.
        rows: rows taken in, now or by an earlier try.
        rejected: rows set aside in ``DATASET__rejected``, with their reasons.
        findings: one for each check of the contract.
        seconds: time it took.
        unchanged: every batch was in place already, or there was none, and nothing was written.
        batches: how many batches there were: one, or one for each file that was added.
        known: how many of them were in place already.
    """

    dataset: str
    version: int
    rows: int
    rejected: int
    findings: tuple[Finding, ...]
    seconds: float
    unchanged: bool = False
    batches: int = 1
    known: int = 0


def joined(reports: Sequence[IngestReport]) -> IngestReport:
    """Sum the reports of a dataset's batches up.

    Example:
        >>> one = IngestReport("trips", 0, 5, 1, (), 0.1, unchanged=True)
        >>> both = joined([one, one.replace(version=1, unchanged=False)])
        >>> (both.version, both.rows, both.batches, both.known, both.unchanged)
        (1, 10, 2, 1, False)
    """
    last = reports[-1]
    known = sum(one.unchanged for one in reports)
    if len(reports) == 1:
        return last.replace(known=known)
    return last.replace(
        version=max(one.version for one in reports),
        rows=sum(one.rows for one in reports),
        rejected=sum(one.rejected for one in reports),
        findings=tuple(_summed(one.findings for one in reports)),
        unchanged=known == len(reports),
        batches=len(reports),
        known=known,
    )


def _summed(found: Iterable[Sequence[Finding]]) -> Iterator[Finding]:
    """Sum the findings of each check up; one that failed counts for all."""
    checks: dict[tuple[str, str], list[Finding]] = {}
    for findings in found:
        for one in findings:
            checks.setdefault((one.check, one.subject), []).append(one)
    for same in checks.values():
        failed = [one for one in same if not one.passed]
        counts = [one.observed for one in failed if isinstance(one.observed, int)]
        last = (failed or same)[-1]
        _, has_reason, reason = last.message.partition(": ")
        if not has_reason:
            yield last
            continue
        total = sum(counts)
        yield last.replace(observed=total, message=f"{counted(total)}: {reason}")
