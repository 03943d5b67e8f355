"""What a call of ``change`` asks for, and several of them as one."""

from __future__ import annotations

import random
import time
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from towpath.core.errors import Unavailable
from towpath.features.online import NO_META

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from towpath.features.online import Buffer, Edit, Get, NewMeta, Parts

# How often a writer tries again that others have overtaken, and how long it waits before.
ATTEMPTS = 200
BACKOFF_SECONDS = 0.002
LONGEST_BACKOFF = 10


class Change(NamedTuple):
    """What one call of ``change`` asks for."""

    keys: Sequence[bytes]
    edit: Edit
    meta: NewMeta | None


class Contended(Unavailable):
    """Other writers of the same keys were faster each time: the store works, so retry."""


class Overtaken(Exception):
    """A key was changed by another writer while an edit looked at it."""


def edits_of(changes: Iterable[Change]) -> dict[bytes, Edit]:
    """Return one edit for each key, which does what all changes do to it, in their order.

    Example:
        >>> one = Change([b"a"], lambda key, get: {b"": b"1"}, None)
        >>> two = Change([b"a"], lambda key, get: {b"p": get(b"")}, None)
        >>> edits_of([one, two])[b"a"](b"a", lambda part: None)
        {b'': b'1', b'p': b'1'}
    """
    found: dict[bytes, list[Edit]] = {}
    for change in changes:
        for key in change.keys:
            found.setdefault(key, []).append(change.edit)
    return {key: edits[0] if len(edits) == 1 else _one(edits) for key, edits in found.items()}


def meta_of(changes: Iterable[Change]) -> NewMeta | None:
    """Return what all changes make of the meta text; None where none of them touches it.

    Example:
        >>> again = Change([], lambda key, get: {}, lambda before: (before or b"") + b".")
        >>> new = meta_of([again, again])
        >>> new(None) if new else None
        b'..'
    """
    asked = [change.meta for change in changes if change.meta is not None]
    if not asked:
        return None

    def new(before: bytes | None) -> bytes:
        text = asked[0](before)
        for each in asked[1:]:
            text = each(text)
        return text

    return new


def kept(before: bytes | None) -> bytes:
    """Return the text of an area whose text nobody asked to change.

    Example:
        >>> kept(None), kept(b"old")
        (b'{}', b'old')
    """
    return NO_META if before is None else before


def portions(edits: Mapping[bytes, Edit], size: int) -> Iterator[dict[bytes, Edit]]:
    """Divide edits into what a server takes at once; there is one portion at least.

    Example:
        >>> edits = dict.fromkeys([b"a", b"b", b"c"], lambda key, get: {})
        >>> [list(some) for some in portions(edits, 2)], list(portions({}, 2))
        ([[b'a', b'b'], [b'c']], [{}])
    """
    left = iter(edits.items())
    yield dict(islice(left, size))
    while some := dict(islice(left, size)):
        yield some


def pause(attempt: int) -> None:
    """Let other writers finish, for longer with each attempt.

    Example:
        >>> pause(0)
    """
    time.sleep(random.uniform(0, BACKOFF_SECONDS * min(attempt, LONGEST_BACKOFF)))  # noqa: S311 - no secret


def _one(edits: Sequence[Edit]) -> Edit:
    """Let each edit see what those before it have done."""

    def edit(key: bytes, get: Get) -> Parts:
        done: dict[bytes, bytes | None] = {}

        def seen(part: bytes) -> Buffer | None:
            return done[part] if part in done else get(part)

        for each in edits:
            done.update(each(key, seen))
        return done

    return edit
