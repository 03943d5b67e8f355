"""``towpath predict``: ask an endpoint by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click
import msgspec

from towpath.cli.address import running
from towpath.cli.output import console, json_option, open_applied, print_json, print_table
from towpath.core.errors import Invalid, NotFound, Unavailable, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from towpath.lake.dataset import Column
    from towpath.serving.message import Prediction
    from towpath.serving.served import Served
    from towpath.workspace import Workspace

PROBE_SECONDS = 1.0
Key = dict[str, object]

NUMBERS: dict[str, Callable[[str], object]] = {"int64": int, "float64": float}


class Asked(NamedTuple):
    """What is asked: rows by key, as of a time or now."""

    keys: list[Key]
    at: datetime | None


@click.command()
@json_option
@click.argument("endpoint")
@click.argument("keys", nargs=-1, required=True)
@click.option("--at", default="", help="Predict as of this past time, such as 2013-10-05T14:00Z.")
@click.option("--url", default="", help="A server elsewhere, such as http://127.0.0.1:8000.")
def predict(*, as_json: bool, endpoint: str, keys: tuple[str, ...], at: str, url: str) -> None:
    """Ask ENDPOINT for predictions by key.

    A key of several columns is written as column=value,column=value. Where no server of this
    project runs, the same code answers in this process and keeps the same log. With --url only
    that server is asked, and no project is needed here.

    \b
    Examples:
      towpath predict returned 1042
      towpath predict delay 20131005-UA-1545-EWR --at 2013-10-05T14:00Z
    """
    from towpath.core.instant import parse_instant

    instant = parse_instant(at) if at else None
    if url:
        predictions = _ask(url, endpoint, Asked(_keys(keys, _key_there(url, endpoint)), instant))
    else:
        predictions = _ask_here(endpoint, keys, instant)
    if as_json:
        print_json({"endpoint": endpoint, "predictions": predictions})
        return
    _print(predictions)


def _ask_here(endpoint: str, keys: Sequence[str], at: datetime | None) -> list[Prediction]:
    """Ask this project's server, or answer in this process where none runs."""
    from towpath.project.load import SERVED_FOLDERS
    from towpath.steps.endpoint import served

    with open_applied(SERVED_FOLDERS) as workspace:
        found = served(workspace, (endpoint,))[0]
        asked = Asked(_keys(keys, found.key), at)
        address = _answering(workspace, endpoint)
        return _ask(address, endpoint, asked) if address else _answer(workspace, found, asked)


def _keys(texts: Sequence[str], columns: Sequence[Column]) -> list[Key]:
    """Read the keys."""
    return [parse_key(text, columns) for text in texts]


def parse_key(text: str, columns: Sequence[Column]) -> Key:
    """Read a key as it is written on the command line.

    Example:
        >>> from towpath.lake.dataset import Column
        >>> parse_key("1042", (Column("order_id", "int64"),))
        {'order_id': 1042}
    """
    names = [one.name for one in columns]
    pairs = [part.partition("=") for part in text.split(",")] if len(names) > 1 else []
    given = {name: value for name, _, value in pairs} or {names[0]: text}
    if set(given) != set(names):
        message = f"{text!r} is not a key of {', '.join(names)}."
        hint = "Write it as " + ",".join(f"{name}=VALUE" for name in names)
        raise Invalid(message, hint=hint)
    return {one.name: _value(given[one.name], one) for one in columns}


def _value(text: str, column: Column) -> object:
    """Read one value of a key."""
    if column.dtype in NUMBERS:
        try:
            return NUMBERS[column.dtype](text)
        except ValueError:
            message = f"{text!r} is not a number, as {column.name!r} is."
            raise Invalid(message, hint="Give a number.") from None
    if column.dtype == "bool":
        return text.lower() in {"true", "yes", "1"}
    return text


def _answering(workspace: Workspace, endpoint: str) -> str:
    """Return the URL of this project's server if it answers, empty if not."""
    from towpath.serving.client import Client

    url = running(workspace.state, endpoint)
    try:
        if url:
            with Client(url, timeout=PROBE_SECONDS) as client:
                client.read("/readyz")
    except Unavailable:
        return ""
    return url


def _key_there(url: str, endpoint: str) -> tuple[Column, ...]:
    """Ask a server which columns a key of an endpoint has.

    Raises:
        NotFound: the server has no such endpoint.
        Invalid: the server is none of towpath's.
    """
    from towpath.lake.dataset import Column
    from towpath.serving.client import Client
    from towpath.serving.server import ServerStatus

    with Client(url) as client:
        answer = client.read("/")
    try:
        found = msgspec.json.decode(answer, type=ServerStatus).endpoints
    except msgspec.DecodeError as error:
        message = f"What answers at {url} is no towpath server."
        raise Invalid(message, hint="Check the address.") from error
    keys = {one.name: one.key for one in found}
    if endpoint not in keys:
        message = f"The server at {url} has no endpoint {endpoint!r}."
        raise NotFound(message, hint=did_you_mean(endpoint, keys))
    return tuple(Column(name, kind) for name, kind in keys[endpoint].items())


def _ask(url: str, endpoint: str, asked: Asked) -> list[Prediction]:
    """Ask a server over HTTP."""
    from towpath.serving.client import Client

    with Client(url) as client:
        return client.predict(endpoint, keys=asked.keys, at=asked.at)


def _answer(workspace: Workspace, found: Served, asked: Asked) -> list[Prediction]:
    """Answer in this process, with the server's own code and log."""
    from towpath.core.instant import format_instant
    from towpath.serving.message import Answer
    from towpath.serving.run import Options, opened
    from towpath.web.message import Request

    console(stderr=True).print("[dim]no server runs here: answered in this process[/]")
    body: Key = {"keys": asked.keys}
    if asked.at is not None:
        body["at"] = format_instant(asked.at)
    options = Options(workspace.state, workspace.artifacts)
    with opened((found,), options, clock=workspace.clock) as (answering,):
        response = answering.answer(Request("POST", "/", msgspec.json.encode(body)))
    return msgspec.json.decode(response.body, type=Answer).predictions


def _print(predictions: Sequence[Prediction]) -> None:
    """Print the predictions as a table."""
    rows = [
        (
            ", ".join(str(value) for value in one.key.values()),
            one.probability,
            "yes" if one.decision else "no",
            f"{one.model} {one.version}",
            f"{one.at:%Y-%m-%d %H:%M:%S}",
        )
        for one in predictions
    ]
    print_table("Predictions", ("key", "probability", "decision", "model", "as of"), rows)
