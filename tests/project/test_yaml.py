from __future__ import annotations

import pytest

from towpath.core.errors import Invalid
from towpath.lake.dataset import Dataset
from towpath.project.yaml import parse_record

GOOD = """\
name: trips
key: [id]
columns:
  - name: id
    dtype: string
  - name: fare
    dtype: float64
"""


def failure(text: str) -> Invalid:
    with pytest.raises(Invalid) as caught:
        parse_record(text, Dataset, name="datasets/trips.yaml")
    return caught.value


def test_a_good_file_becomes_a_record() -> None:
    assert parse_record(GOOD, Dataset, name="x").key == ("id",)


def test_a_misspelt_field_names_file_line_close_name_and_allowed_fields() -> None:
    error = failure(GOOD.replace("    dtype: float64", "    dtpe: float64"))
    assert error.where == "datasets/trips.yaml:7"
    assert "Unknown field 'dtpe' in columns[1]" in error.message
    assert "Did you mean 'dtype'?" in error.hint
    assert "nullable" in error.hint


def test_a_wrong_type_names_its_line() -> None:
    error = failure(GOOD.replace("name: fare", "name: 7"))
    assert error.where == "datasets/trips.yaml:6"


def test_a_definition_that_refuses_itself_names_its_line() -> None:
    error = failure(GOOD.replace("name: fare", "name: Fare!"))
    assert error.where == "datasets/trips.yaml:6"
    assert "'fare'" in error.hint


def test_duplicate_key_columns_are_refused() -> None:
    error = failure(GOOD.replace("key: [id]", "key: [id, id]"))
    assert "lists the key column 'id' twice" in error.message


def test_a_field_written_twice_is_refused() -> None:
    assert "written twice" in failure(GOOD + "name: other\n").message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "empty"),
        ("name: [", "Not valid YAML"),
        ("just text", "must hold fields"),
        ("name: &a x\nowner: *a\n", "alias"),
        ("name: !!python/object/apply:os.getcwd []\n", "tag"),
        ("a: " + "[" * 60 + "]" * 60, "nested too deeply"),
    ],
)
def test_what_is_no_plain_definition_is_refused(text: str, part: str) -> None:
    assert part in failure(text).message


def test_times_stay_text_for_the_record_to_read() -> None:
    assert parse_record(GOOD + "description: 2013-10-01\n", Dataset, name="x").description
