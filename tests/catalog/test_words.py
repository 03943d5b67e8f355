from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.catalog.words import LONGEST, indexed_words, joined_words, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dep_delay", ["dep", "delay"]),
        ("depDelay", ["dep", "delay"]),
        ("HTTPServer2go", ["http", "server2go"]),
        ("flights.dep-delay", ["flights", "dep", "delay"]),
        ("  São-Paulo/s ÆØ ", ["sao", "paulo", "s", "u000e6u000f8"]),
        ("日本", ["u065e5u0672c"]),
        ("p99 < 50 ms; 🚆", ["p99", "50", "ms"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("", []),
        ("*_-.\x00\ud800", []),
    ],
)
def test_a_text_is_split_into_words(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_names_of_several_words_are_found_unsplit_too() -> None:
    assert joined_words("depDelay dep_delay trips.v2 plain (PostgreSQL)") == [
        "depdelay",
        "depdelay",
        "tripsv2",
        "postgresql",
    ]


@given(st.text())
def test_words_are_plain_letters_and_digits(text: str) -> None:
    """So that no database sees anything of a user's text that could be its syntax."""
    for word in indexed_words([text]):
        assert word.isascii()
        assert word.isalnum()
        assert word == word.lower()
        assert len(word) <= LONGEST * 18


@given(st.text(), st.text())
def test_a_text_is_found_by_each_of_its_words(before: str, after: str) -> None:
    text = f"{before} {after}"
    assert set(split_words(before)) <= set(indexed_words([text])) | set(split_words(text))


@given(st.text(alphabet="abcXYZ_ é", max_size=30))
def test_splitting_what_was_split_changes_nothing(text: str) -> None:
    words = split_words(text)
    assert split_words(" ".join(words)) == words
