"""Tokens of callers: shown once when they are made, and kept as hashes in a file."""

from __future__ import annotations

import hashlib
import secrets
import time
import zlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from towpath.core.durable import write_durably
from towpath.core.errors import Conflict, Invalid, NotFound, did_you_mean
from towpath.core.instant import to_micros
from towpath.core.lock import locked
from towpath.core.record import Record, to_json
from towpath.web.problem import Refused, Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PREFIX = "tp_"
SECRET_BYTES = 32
CHECK_DIGITS = 8
SCOPES = ("read", "write")
LIFETIME = timedelta(days=90)
BEARER = b"bearer "
# A token that is revoked is refused everywhere after this time.
TRUSTED_SECONDS = 1.0
HINT = "Send the header authorization: Bearer TOKEN."


class Token(Record, frozen=True):
    """What is kept of a token.

    Args:
        name: who has it.
        scopes: what it allows: ``read``, ``write``.
        sha256: hash of the token; it has 256 random bits, so that no slower hash is needed.
        expires: when it ends.
    """

    name: str
    scopes: tuple[str, ...]
    sha256: str
    expires: datetime


def make_token(path: Path, name: str, *, scopes: Sequence[str], expires: datetime) -> str:
    """Make a token, keep its hash in a file, and return it: nobody can see it again.

    Raises:
        Conflict: the name is taken.
        Invalid: no scope, or one that does not exist.

    Example:
        >>> import tempfile
        >>> from datetime import UTC, datetime
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path, end = Path(folder) / "tokens.json", datetime(2100, 1, 1, tzinfo=UTC)
        ...     token = make_token(path, "ranker", scopes=("read",), expires=end)
        ...     Tokens(path).caller(f"Bearer {token}".encode(), "read")
        'ranker'
    """
    for scope in scopes or ("",):
        if scope not in SCOPES:
            raise Invalid(f"There is no scope {scope!r}.", hint=did_you_mean(scope, SCOPES))
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    text = f"{secret}{zlib.crc32(secret.encode()):0{CHECK_DIGITS}x}"
    with locked(path.with_suffix(".lock")):
        known = read_tokens(path) if path.exists() else ()
        if any(one.name == name for one in known):
            message = f"There is a token {name!r} already."
            raise Conflict(message, hint="Give it another name, or revoke that one first.")
        made = Token(name, tuple(scopes), _hash(text.encode()), expires)
        _write(path, (*known, made))
    return text


def revoke_token(path: Path, name: str) -> None:
    """Forget a token; servers refuse it within a second.

    Raises:
        NotFound: there is none of that name.
    """
    with locked(path.with_suffix(".lock")):
        known = read_tokens(path)
        if all(one.name != name for one in known):
            names = [one.name for one in known]
            raise NotFound(f"There is no token {name!r}.", hint=did_you_mean(name, names))
        _write(path, tuple(one for one in known if one.name != name))


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Return what is kept in a file of tokens.

    Raises:
        NotFound: there is no such file.
        Invalid: it is not one of tokens.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Token, ...])
    except FileNotFoundError as error:
        message = f"There is no file of tokens at {path}."
        raise NotFound(message, hint="Make one: towpath feature token NAME") from error
    except msgspec.DecodeError as error:
        hint = "Bring it back from a copy, or remove it and make new tokens."
        raise Invalid(f"{path} is not a file of tokens: {error}.", hint=hint) from error


class Tokens:
    """Tells who calls, by a file that may change while the server runs.

    Args:
        path: the file.

    Raises:
        NotFound: there is no such file.
        Invalid: it is not one of tokens.
    """

    def __init__(self, path: Path) -> None:
        """Read the file."""
        self._path = path
        self._known: dict[str, Token] = {}
        self._stamp = (-1, -1)
        self._looked = 0.0
        self._read()

    def caller(self, authorization: bytes, scope: str) -> str:
        """Return the name of the token in a header, which must allow the scope.

        Raises:
            Unknown: no token, or one that nobody has.
            Refused: the token does not allow that.
        """
        if time.monotonic() - self._looked > TRUSTED_SECONDS:
            self._read()
        if authorization[: len(BEARER)].lower() != BEARER:
            raise Unknown("The request has no token.", hint=HINT)
        found = self._known.get(_hash(authorization[len(BEARER) :].strip()))
        if found is None or to_micros(found.expires) < time.time_ns() // 1000:
            raise Unknown("The token is not known, or has expired.", hint=HINT)
        if scope not in found.scopes:
            message = f"The token {found.name!r} does not allow to {scope}."
            raise Refused(message, hint=f"Ask for one with the scope {scope}.")
        return found.name

    def _read(self) -> None:
        """Read the file if it changed; without the file nobody is known."""
        try:
            status = self._path.stat()
            stamp = (status.st_ino, status.st_mtime_ns)
        except FileNotFoundError:
            if self._stamp == (-1, -1):
                read_tokens(self._path)
            self._known, stamp = {}, (0, 0)
        if stamp not in (self._stamp, (0, 0)):
            self._known = {one.sha256: one for one in read_tokens(self._path)}
        self._stamp = stamp
        self._looked = time.monotonic()


def _hash(token: bytes) -> str:
    """Return the form in which a token is kept."""
    return hashlib.sha256(token).hexdigest()


def _write(path: Path, tokens: tuple[Token, ...]) -> None:
    """Replace the file as one step; only its owner may read it."""
    write_durably(path, to_json(tokens))
    path.chmod(0o600)
