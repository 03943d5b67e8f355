"""A measured claim, and where the results go."""

from __future__ import annotations

import statistics
from pathlib import Path

import msgspec

from towpath.core.record import Record, to_json

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
TABLE_START = "<!-- results -->"


class Claim(Record, frozen=True, omit_defaults=False):
    """One figure of ours beside a peer's from the same run.

    ``ratio`` is how many times better ours is: above 1 means faster or smaller.
    """

    claim: str
    ours: float
    peer: float
    peer_name: str
    unit: str
    ratio: float
    target: float
    holds: bool
    runs: int


def compare(
    claim: str, ours: list[float], peer: tuple[str, list[float]], *, unit: str, target: float
) -> Claim:
    """Compare medians; a unit that ends in ``/s`` is better when larger."""
    name, figures = peer
    mine, theirs = statistics.median(ours), statistics.median(figures)
    ratio = mine / theirs if unit.endswith("/s") else theirs / mine
    return Claim(
        claim=claim,
        ours=round(mine, 6),
        peer=round(theirs, 6),
        peer_name=name,
        unit=unit,
        ratio=round(ratio, 2),
        target=round(target, 3),
        holds=ratio >= target,
        runs=len(ours),
    )


def save(name: str, claims: list[Claim]) -> None:
    """Write the results of one part, and the table of all parts."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_bytes(msgspec.json.format(to_json(claims), indent=2) + b"\n")
    page = FOLDER / "README.md"
    head, _, _ = page.read_text().partition(TABLE_START)
    page.write_text(f"{head}{TABLE_START}\n\n{_table()}")


def _table() -> str:
    lines = [
        "| part | claim | ours | peer | | ratio | target | holds | runs |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for path in sorted(RESULTS.glob("*.json")):
        for one in msgspec.json.decode(path.read_bytes(), type=list[Claim]):
            holds = "yes" if one.holds else "**no**"
            lines.append(
                f"| {path.stem} | {one.claim} | {one.ours:,.4g} {one.unit} | "
                f"{one.peer:,.4g} {one.unit} | {one.peer_name} | {one.ratio:,.4g} | "
                f"{one.target:g} | {holds} | {one.runs} |"
            )
    return "\n".join(lines) + "\n"
