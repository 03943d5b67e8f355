from __future__ import annotations

import importlib.util
import linecache
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from towpath.core.source import source_hash

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """
import numpy as np
from datetime import timedelta

LIMIT = 3
TABLE = np.array([1, 2])

class Clock:
    def hour(self, at):
        return at // LIMIT

def part(at):
    return Clock().hour(at) + TABLE[0]

def unused(at):
    return at

def whole(at):
    inner = lambda one: part(one)
    return np.log(inner(at)) + timedelta(days=1).days
"""


def hashed(folder: Path, text: str) -> str:
    """Hash the function ``whole`` of a module with this text."""
    path = folder / "mine.py"
    path.write_text(text)
    linecache.clearcache()
    spec = importlib.util.spec_from_file_location("mine", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mine"] = module
    exec(compile(text, str(path), "exec"), vars(module))  # noqa: S102 - the file's own text
    return source_hash(module.whole)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("[1, 2]", "[1, 3]"),
        ("at // LIMIT", "at % LIMIT"),
        ("+ TABLE[0]", "- TABLE[0]"),
        ("np.log", "np.exp"),
    ],
)
def test_a_change_to_what_a_function_uses_changes_its_hash(
    tmp_path: Path, before: str, after: str
) -> None:
    assert hashed(tmp_path, TEXT) != hashed(tmp_path, TEXT.replace(before, after))


def test_what_a_function_does_not_use_does_not_count(tmp_path: Path) -> None:
    other = TEXT.replace("def unused(at):", "def unused(at, more):")
    assert hashed(tmp_path, TEXT) == hashed(tmp_path, other)


def test_functions_that_call_each_other_have_a_hash() -> None:
    def even(number: int) -> bool:
        return number == 0 or odd(number - 1)

    def odd(number: int) -> bool:
        return number != 0 and even(number - 1)

    assert source_hash(even) != source_hash(odd)


def test_a_function_of_a_library_counts_by_its_text_and_name_alone() -> None:
    assert source_hash(np.full_like) == source_hash(np.full_like)
