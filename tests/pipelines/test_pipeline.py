from __future__ import annotations

import pytest

from towpath.core.errors import Invalid
from towpath.core.record import fingerprint, from_json
from towpath.pipelines.graph import needed, order
from towpath.pipelines.pipeline import Pipeline, Step


def ids(*steps: Step) -> list[str]:
    return [step.id for step in order(Pipeline("p", steps))]


def test_a_step_needs_the_step_before_it_unless_it_says_otherwise() -> None:
    steps = (Step("a", "x"), Step("b", "x"), Step("c", "x", needs=("a",)), Step("d", "x", needs=()))
    assert needed(Pipeline("p", steps)) == {"a": (), "b": ("a",), "c": ("a",), "d": ()}


def test_free_steps_keep_the_written_order() -> None:
    assert ids(*(Step(name, "x", needs=()) for name in "dacb")) == ["d", "a", "c", "b"]


def test_a_step_comes_after_what_it_needs() -> None:
    assert ids(Step("a", "x", needs=("c",)), Step("b", "x"), Step("c", "x", needs=())) == [
        "c",
        "a",
        "b",
    ]


def test_a_circle_is_named() -> None:
    with pytest.raises(Invalid, match=r"wait for one another: (a -> b|b -> a)"):
        ids(Step("a", "x", needs=("b",)), Step("b", "x", needs=("a",)))


def test_an_unknown_need_suggests_a_close_step() -> None:
    with pytest.raises(Invalid, match=r"needs 'ingset'.*Did you mean 'ingest'"):
        ids(Step("ingest", "x"), Step("train", "x", needs=("ingset",)))


def test_two_steps_of_one_id_are_refused() -> None:
    with pytest.raises(Invalid, match="two steps 'a'"):
        ids(Step("a", "x"), Step("a", "y"))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"id": "Bad id", "uses": "x"}, "not a name for a step"),
        ({"id": "a", "uses": ""}, "uses nothing"),
        ({"id": "a", "uses": "x", "retries": -1}, "-1 retries"),
        ({"id": "a", "uses": "x", "timeout": "soon"}, "not a span"),
    ],
)
def test_a_step_that_could_not_run_is_refused(fields: dict[str, str], text: str) -> None:
    with pytest.raises(Invalid, match=text):
        Step(**fields)  # type: ignore[arg-type]  # the wrong types are the point


def test_a_pipeline_without_steps_is_refused() -> None:
    with pytest.raises(Invalid, match="has no steps"):
        Pipeline("p", ())


def test_with_is_read_under_its_yaml_name_and_counts_for_the_version() -> None:
    text = '{"name":"p","steps":[{"id":"a","uses":"x","with":{"rows":[1,{"deep":2}]}}]}'
    pipeline = from_json(text, Pipeline)
    assert pipeline.steps[0].with_ == {"rows": [1, {"deep": 2}]}
    assert fingerprint(pipeline) != fingerprint(Pipeline("p", (Step("a", "x"),)))
