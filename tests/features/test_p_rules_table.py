"""Every rule of the join has a test named after it, and its row in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
RULES = range(1, 36)


def test_every_rule_has_its_tests_and_its_row() -> None:
    tests = {
        name: int(number)
        for path in (ROOT / "tests" / "features").glob("test_*.py")
        for name, number in re.findall(r"^def (test_p(\d\d)_\w+)", path.read_text(), re.MULTILINE)
    }
    page = (ROOT / "docs" / "reference" / "training-sets.md").read_text()
    rows = {
        int(number): set(re.findall(r"`(test_\w+)`", named))
        for number, named in re.findall(r"^\| P(\d+) \| .* \| (.*) \|$", page, re.MULTILINE)
    }
    assert set(rows) == set(tests.values()) == set(RULES)
    for number, named in rows.items():
        assert named == {name for name, its in tests.items() if its == number}
