"""URLs as they may be shown: without who logs in, and with what."""

from __future__ import annotations

import re

from towpath.core.errors import Invalid

VARIABLE = re.compile(r"\$\{\w+\}")
PASSWORD = re.compile(r"[^/]*//[^:/@]*:(.*)@", re.DOTALL)
SECRET_OPTION = re.compile(r"[?&;][^=&]*(?:passw|pwd|secret|token)[^=&]*=[^&]", re.IGNORECASE)
# A bucket behind an access point is named by an ARN, whose parts are parted by colons.
LOGIN = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://(?!arn:)[^/?#]*[@:]")


def shown_url(url: str) -> str:
    """Return a URL without its user, password and options, for messages and lineage.

    A text that is no proper URL may be one with a password too; where it is not clear what of it
    is secret, only the scheme is left.

    Example:
        >>> shown_url("postgresql://ada:secret@db.example/lake?sslkey=k")
        'postgresql://db.example/lake'
        >>> shown_url("mysql://ada:se?cret@db.example/lake")
        'mysql:...'
    """
    scheme, colon, rest = url.partition(":")
    plain, *options = re.split(r"[?#]", rest, maxsplit=1)
    if options and "@" in options[0]:
        return f"{scheme}:..."
    if plain.startswith("///"):
        return f"{scheme}:{plain}"
    slashes = "//" if plain.startswith("//") else ""
    return f"{scheme}{colon}{slashes}{plain.removeprefix('//').rpartition('@')[2]}"


def check_password(url: str) -> None:
    """Refuse a database's URL that holds a password which anybody can read.

    Raises:
        Invalid: the password is neither empty nor a variable's name; it is not repeated.

    Example:
        >>> check_password("postgresql://ada:${SHOP_PASSWORD}@db.example/lake")
        >>> check_password("postgresql://ada:secret@db.example/lake")
        Traceback (most recent call last):
            ...
        towpath.core.errors.Invalid: The url of a source holds a password. Write ${NAME} in its place: postgresql://USER:${NAME}@HOST/DATABASE, and set the variable NAME.
    """  # noqa: E501  # the message as it is
    found = PASSWORD.match(url)
    literal = found is not None and found[1] and not VARIABLE.fullmatch(found[1])
    if literal or SECRET_OPTION.search(url):
        message = "The url of a source holds a password."
        place = "postgresql://USER:${NAME}@HOST/DATABASE"
        hint = f"Write ${{NAME}} in its place: {place}, and set the variable NAME."
        raise Invalid(message, hint=hint)


def check_no_login(path: str) -> None:
    """Refuse a URL of files that holds a key or a password.

    Raises:
        Invalid: it does; it is not repeated.

    Example:
        >>> check_no_login("s3://lake/trips@2024.csv")
    """
    if LOGIN.match(path):
        message = (
            f"A path that starts with {path.partition('://')[0]}:// holds a key or a password."
        )
        hint = "Take it out, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        raise Invalid(message, hint=hint)
