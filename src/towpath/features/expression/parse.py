"""SQL text read into nodes: the words and operators of a row expression, and no others."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from sqlglot import exp, parser
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ErrorLevel, ParseError, TokenError

from towpath.core.errors import Invalid, cut
from towpath.features.expression.tree import COLUMN, CONSTANT, Node, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Depth at which reading stops: Python's own calls would otherwise run out.
DEEPEST = 100
LONGEST = 20_000
GREATEST = 2**63
HINT = "Write one expression over the row's columns, such as distance / nullif(air_time, 0)."
TYPES: dict[object, str] = {
    exp.DataType.Type.BIGINT: "int64",
    exp.DataType.Type.INT: "int64",
    exp.DataType.Type.BOOLEAN: "bool",
    exp.DataType.Type.DATE: "date",
    exp.DataType.Type.DOUBLE: "float64",
    exp.DataType.Type.FLOAT: "float64",
    exp.DataType.Type.TEXT: "string",
    exp.DataType.Type.TIMESTAMP: "timestamp",
    exp.DataType.Type.TIMESTAMPTZ: "timestamp",
    exp.DataType.Type.VARCHAR: "string",
}
OPERATORS: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.And: "and",
    exp.Between: "between",
    exp.DPipe: "||",
    exp.Div: "/",
    exp.EQ: "=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.Like: "like",
    exp.Mod: "%",
    exp.Mul: "*",
    exp.NEQ: "<>",
    exp.Neg: "negate",
    exp.Not: "not",
    exp.Or: "or",
    exp.Sub: "-",
}
# Where the operands of an operator are kept; whatever else is there says more than is taken.
OPERANDS = ("this", "expression", "low", "high")
HARMLESS = {"typed", "safe", "nested", "_type", "copy"}


class RowDialect(Dialect):
    """SQL in which every function keeps the name and the arguments that were written."""

    class Parser(parser.Parser):
        """Reads no function in a way of its own but casts and CASE."""

        FUNCTIONS: ClassVar[dict[str, Callable[..., exp.Expr]]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., exp.Expr | None]]] = {
            name: parser.Parser.FUNCTION_PARSERS[name] for name in ("CAST", "TRY_CAST")
        }
        NO_PAREN_FUNCTIONS: ClassVar[dict[object, type[exp.Expr]]] = {}
        NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., exp.Expr | None]]] = {
            "CASE": parser.Parser.NO_PAREN_FUNCTION_PARSERS["CASE"]
        }
        STRICT_CAST = True


@lru_cache(maxsize=1024)
def parse(text: str) -> Node:
    """Read one expression.

    Raises:
        Invalid: it is none, or more than one, or holds what no row expression may.

    Example:
        >>> [(one.name, one.at, one.value) for one in parse("fare > 2").arguments]
        [('column', 0, 'fare'), ('constant', 7, 2)]
    """
    if len(text) > LONGEST:
        raise refused(text, f"it is longer than {LONGEST} characters", hint="Split it.")
    if "\0" in text:
        raise refused(text, "it holds the character 0", at=text.index("\0"), hint=HINT)
    try:
        return _Reader(text).read(_tree(text), 0)
    except RecursionError:
        raise _too_deep(text) from None


def _tree(text: str) -> exp.Expr:
    """Let the parser read the text as one expression."""
    dialect = RowDialect()
    try:
        tokens = dialect.tokenize(text)
        if any(token.comments for token in tokens):
            raise refused(text, "it holds a comment", hint="Write x - -2 with a space.")
        parser = dialect.parser(error_level=ErrorLevel.IMMEDIATE)
        found = [one for one in parser.parse_into(exp.Condition, tokens, text) if one is not None]
    except TokenError as error:
        raise refused(text, "a quotation in it does not end", hint=HINT) from error
    except ParseError as error:
        fact = error.errors[0]
        near = len(fact.get("start_context") or "")
        problem = f"it cannot be read near {fact.get('highlight')!r}"
        raise refused(text, problem, at=near, hint=HINT) from error
    if len(found) != 1:
        problem = "it is more than one expression" if found else "it is empty"
        raise refused(text, problem, hint=HINT)
    return found[0]


def _too_deep(text: str) -> Invalid:
    """Say that an expression is nested too deeply."""
    return refused(text, "it is nested too deeply", hint="Split it, or list values with IN.")


class _Reader:
    """Turns what the parser found in a text into nodes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def read(self, tree: exp.Expr, depth: int) -> Node:
        """Turn one part, and all below it, into nodes."""
        if depth > DEEPEST:
            raise _too_deep(self._text)
        if isinstance(tree, exp.Paren):
            return self.read(tree.this, depth + 1)
        if isinstance(tree, exp.Column):
            return self._column(tree)
        if isinstance(tree, exp.Literal | exp.Boolean | exp.Null):
            return self._constant(tree)
        readers: dict[type[exp.Expr], Callable[[exp.Expr, int], Node]] = {
            exp.Anonymous: self._function,
            exp.Case: self._case,
            exp.Cast: self._cast,
            exp.In: self._in,
            exp.Is: self._is,
            exp.TryCast: self._cast,
        }
        reader = readers.get(type(tree))
        if reader is not None:
            return reader(tree, depth)
        return self._operator(tree, depth)

    def _operator(self, tree: exp.Expr, depth: int) -> Node:
        """Read an operator with its operands."""
        name = OPERATORS.get(type(tree))
        if name is None:
            raise self._not_taken(tree)
        negated = bool(tree.args.get("negate"))
        self._only(tree, {*OPERANDS, "negate"})
        given = [tree.args[key] for key in OPERANDS if tree.args.get(key) is not None]
        arguments = tuple(self.read(one, depth + 1) for one in given)
        if name == "negate" and arguments[0].name == CONSTANT:
            return self._negative(arguments[0])
        node = self._node(name, tree, arguments=arguments)
        return node.replace(name="not", arguments=(node,)) if negated else node

    def _negative(self, node: Node) -> Node:
        """Read a number with its sign."""
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refused(self._text, "what is not a number has no sign", at=node.at, hint=HINT)
        return node.replace(value=-value)

    def _function(self, tree: exp.Expr, depth: int) -> Node:
        """Read a function's call."""
        self._only(tree, {"this", "expressions"})
        arguments = tuple(self.read(one, depth + 1) for one in tree.expressions)
        return self._node(str(tree.this).lower(), tree, arguments=arguments)

    def _column(self, tree: exp.Expr) -> Node:
        """Read a column's name; without quotation marks, names are in small letters."""
        name = tree.this
        if tree.args.get("table") is not None or not isinstance(name, exp.Identifier):
            raise self._not_taken(tree)
        written = str(name.this)
        return self._node(COLUMN, tree, value=written if name.quoted else written.lower())

    def _constant(self, tree: exp.Expr) -> Node:
        """Read a number, a text, true, false or null."""
        if isinstance(tree, exp.Null):
            return self._node(CONSTANT, tree)
        if isinstance(tree, exp.Boolean):
            return self._node(CONSTANT, tree, value=bool(tree.this))
        written = str(tree.this)
        if tree.args.get("is_string"):
            return self._node(CONSTANT, tree, value=written)
        return self._node(CONSTANT, tree, value=self._number(tree, written))

    def _number(self, tree: exp.Expr, written: str) -> int | float:
        """Read a number: a whole one, or one with a point or an exponent."""
        value: int | float = int(written) if written.isdecimal() else float(written)
        fits = value <= GREATEST if isinstance(value, int) else math.isfinite(value)
        if not fits:
            raise refused(self._text, f"{written} is too large", at=_place(tree), hint=HINT)
        return value

    def _case(self, tree: exp.Expr, depth: int) -> Node:
        """Read CASE as conditions and values in turn, and the value if none holds."""
        self._only(tree, {"this", "ifs", "default"})
        subject = tree.args.get("this")
        arguments: list[Node] = []
        for one in tree.args["ifs"]:
            condition = self.read(one.this, depth + 1)
            if subject is not None:
                asked = self.read(subject, depth + 1)
                condition = Node("=", asked.at, None, (asked, condition))
            arguments += (condition, self.read(one.args["true"], depth + 1))
        default = tree.args.get("default")
        arguments.append(Node(CONSTANT) if default is None else self.read(default, depth + 1))
        return self._node("case", tree, arguments=tuple(arguments))

    def _cast(self, tree: exp.Expr, depth: int) -> Node:
        """Read a cast: its name, the type that is wanted, and what is cast."""
        self._only(tree, {"this", "to"})
        wanted = tree.args["to"]
        dtype = TYPES.get(wanted.this)
        if dtype is None or wanted.expressions:
            hint = "Cast to BIGINT, DOUBLE, VARCHAR or BOOLEAN."
            problem = f"there is no cast to {wanted.sql()}"
            raise refused(self._text, problem, at=_place(tree), hint=hint)
        name = "try_cast" if isinstance(tree, exp.TryCast) else "cast"
        arguments = (self.read(tree.this, depth + 1),)
        return self._node(name, tree, value=dtype, arguments=arguments)

    def _in(self, tree: exp.Expr, depth: int) -> Node:
        """Read a value and the list that it may be in."""
        self._only(tree, {"this", "expressions"})
        given = (tree.this, *tree.expressions)
        return self._node("in", tree, arguments=tuple(self.read(one, depth + 1) for one in given))

    def _is(self, tree: exp.Expr, depth: int) -> Node:
        """Read IS NULL."""
        if not isinstance(tree.expression, exp.Null):
            raise self._not_taken(tree)
        return self._node("is null", tree, arguments=(self.read(tree.this, depth + 1),))

    def _node(
        self,
        name: str,
        tree: exp.Expr,
        *,
        value: bool | float | str | None = None,
        arguments: tuple[Node, ...] = (),
    ) -> Node:
        """Make a node."""
        return Node(name, _place(tree), value, arguments)

    def _only(self, tree: exp.Expr, keys: set[str]) -> None:
        """Refuse a part that says more than is read."""
        for key, value in tree.args.items():
            if key not in keys | HARMLESS and value not in (None, False, []):
                raise self._not_taken(tree)

    def _not_taken(self, tree: exp.Expr) -> Invalid:
        """Say that something is not on the list."""
        what = f"{cut(tree.sql())!r} is not among what it may hold"
        hint = "See docs/reference/expressions.md for what there is."
        return refused(self._text, what, at=_place(tree), hint=hint)


def _place(tree: exp.Expr) -> int:
    """Return where the first word of a part stands."""
    return min(_places(tree), default=0)


def _places(tree: exp.Expr) -> Iterator[int]:
    """Return where the words of a part stand."""
    for one in tree.walk():
        start = one.meta.get("start") if one.meta else None
        if start is not None:
            yield int(start)
