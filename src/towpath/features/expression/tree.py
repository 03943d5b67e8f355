"""What a row expression is made of, before and after its types are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from towpath.core.errors import Invalid, cut
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

Dtype = Literal["bool", "int64", "float64", "string", "timestamp"]
Scalar = bool | int | float | str | None
COLUMN, CONSTANT = "column", "constant"


class Node(Record, frozen=True):
    """A part of an expression as it was written.

    Args:
        name: ``column``, ``constant``, an operator or a function.
        at: where it stands in the text, counted from 0.
        value: the column's name, or the constant.
        arguments: what an operator or a function is given.

    Example:
        >>> Node("column", 0, "fare").value
        'fare'
    """

    name: str
    at: int = 0
    value: Scalar = None
    arguments: tuple[Node, ...] = ()


class Expression(Record, frozen=True):
    """A part of an expression whose types fit.

    Args:
        name: ``column``, ``constant``, an operator or a function.
        dtype: type of its values; a time is microseconds since 1970 UTC.
        value: the column's name, or the constant; None for one that is missing.
        stored: a column's type in its dataset, from which it is brought to ``dtype``.
        arguments: what an operator or a function is given.

    Example:
        >>> Expression("column", "float64", "fare", "decimal(9,2)").columns
        ('fare',)
    """

    name: str
    dtype: Dtype
    value: Scalar = None
    stored: str = ""
    arguments: tuple[Expression, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads, each once, as they first occur."""
        found = (str(one.value) for one in _parts(self) if one.name == COLUMN)
        return tuple(dict.fromkeys(found))


def column_names(node: Node) -> tuple[str, ...]:
    """Name the columns that a written expression reads, each once, as they first occur.

    Example:
        >>> column_names(Node("+", 0, None, (Node("column", 0, "a"), Node("column", 4, "a"))))
        ('a',)
    """
    found = [str(node.value)] if node.name == COLUMN else []
    for one in node.arguments:
        found += column_names(one)
    return tuple(dict.fromkeys(found))


def refused(text: str, problem: str, *, at: int | None = None, hint: str = "") -> Invalid:
    """Say why an expression is not taken, and where in its text the cause stands.

    Example:
        >>> refused("a + ", "it ends too early", at=2).message
        "'a + ' is no row expression: it ends too early (at character 3)."
    """
    place = "" if at is None else f" (at character {at + 1})"
    message = f"{cut(text)!r} is no row expression: {problem}{place}."
    return Invalid(message, hint=hint, expression=text)


def _parts(expression: Expression) -> Iterator[Expression]:
    """Go through an expression and all that it is made of."""
    yield expression
    for one in expression.arguments:
        yield from _parts(one)
