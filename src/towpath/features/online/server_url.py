"""URLs of servers that hold online values: hosts, a name on them, and options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from towpath.core.errors import Invalid, did_you_mean
from towpath.core.url import shown_url

if TYPE_CHECKING:
    from collections.abc import Mapping


MOST_PORT = 65_535
# What an option that is a number may be; the least is a millisecond, which servers count in.
LEAST, MOST = 0.001, 1_000_000.0
DATABASE = re.compile("[0-9]{1,9}")


class ServerUrl(NamedTuple):
    """What a URL such as ``redis://ada:secret@db.example:6379/0?timeout=0.5`` says.

    Args:
        shown: the URL as it may be shown.
        hosts: where the servers are.
        port: of all of them.
        name: what comes after the first slash, such as a database's number.
        user: who logs in; empty for nobody.
        password: with what.
        options: those that are texts.
        numbers: those that are numbers, such as time-outs in seconds.
    """

    shown: str
    hosts: tuple[str, ...]
    port: int
    name: str
    user: str
    password: str
    options: Mapping[str, str]
    numbers: Mapping[str, float]

    @property
    def database(self) -> int:
        """The name as the number of a database, 0 if there is none.

        Raises:
            Invalid: it is no number.
        """
        if self.name and not DATABASE.fullmatch(self.name):
            message = f"The URL {self.shown} has the database {self.name!r}, which is no number."
            raise Invalid(message, hint="Give a whole number from 0 after the port, such as /0.")
        return int(self.name or 0)


def read_server_url(
    url: str, port: int, *, options: Mapping[str, str], numbers: Mapping[str, float]
) -> ServerUrl:
    """Take a URL apart.

    Args:
        url: several hosts are parted by commas; the port after the last one is that of all.
        port: if it names none.
        options: the texts that it may set, with what they are otherwise.
        numbers: the numbers that it may set, with what they are otherwise.

    Raises:
        Invalid: an option is unknown, or no number where it must be one, or that or the port is
            out of bounds.

    Example:
        >>> found = read_server_url("redis://a,b:7/0?wait=2", 1, options={}, numbers={"wait": 1})
        >>> found.hosts, found.port, found.numbers
        (('a', 'b'), 7, {'wait': 2.0})
    """
    shown = shown_url(url)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        message = f"The URL {shown} cannot be read: {error}."
        raise Invalid(message, hint="Write it as SCHEME://HOST:PORT/NAME.") from error
    given = dict(parse_qsl(parts.query))
    known = [*options, *numbers]
    for name in given:
        if name not in known:
            message = f"The URL {shown} has an option {name!r}, which is unknown."
            raise Invalid(message, hint=did_you_mean(name, known))
    login, _, places = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    hosts, _, given_port = places.partition(":")
    try:
        return ServerUrl(
            shown=shown,
            hosts=tuple(host for host in hosts.split(",") if host) or ("127.0.0.1",),
            port=_port(given_port or str(port)),
            name=parts.path.strip("/"),
            user=unquote(user),
            password=unquote(password),
            options={name: given.get(name, usual) for name, usual in options.items()},
            numbers={
                name: _number(name, given[name]) if name in given else usual
                for name, usual in numbers.items()
            },
        )
    except ValueError as error:
        message = f"The URL {shown} has something else where a number must be: {error}."
        hint = "Give the port as HOST:PORT and time-outs in seconds, such as timeout=0.5."
        raise Invalid(message, hint=hint) from error


def _port(text: str) -> int:
    """Read a port.

    Raises:
        ValueError: it is none.
    """
    port = int(text)
    if not 0 < port <= MOST_PORT:
        raise ValueError(f"the port {text} is not from 1 to {MOST_PORT}")
    return port


def _number(name: str, text: str) -> float:
    """Read an option that is a number.

    Raises:
        ValueError: it is none, or out of bounds.
    """
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{name} is {text!r}") from None
    # What is no number at all is in no bounds.
    if not LEAST <= number <= MOST:
        raise ValueError(f"{name}={text} is not from {LEAST} to {MOST:.0f}")
    return number
