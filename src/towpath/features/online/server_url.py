"""URLs of servers that hold online values: hosts, a name on them, and options."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from towpath.core.errors import Invalid, did_you_mean
from towpath.core.url import shown_url

if TYPE_CHECKING:
    from collections.abc import Mapping


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
        Invalid: an option is unknown, or no number where it must be one.

    Example:
        >>> found = read_server_url("redis://a,b:7/0?wait=2", 1, options={}, numbers={"wait": 1})
        >>> found.hosts, found.port, found.numbers
        (('a', 'b'), 7, {'wait': 2.0})
    """
    parts, shown = urlsplit(url), shown_url(url)
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
            port=int(given_port or port),
            name=parts.path.strip("/"),
            user=unquote(user),
            password=unquote(password),
            options={name: given.get(name, usual) for name, usual in options.items()},
            numbers={name: float(given.get(name, usual)) for name, usual in numbers.items()},
        )
    except ValueError as error:
        message = f"The URL {shown} has something else where a number must be: {error}."
        hint = "Give the port as HOST:PORT and time-outs in seconds, such as timeout=0.5."
        raise Invalid(message, hint=hint) from error
