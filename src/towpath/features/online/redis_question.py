"""What a read asks of each area in Valkey or Redis, and what it makes of the answers."""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING, cast

from towpath.features.online import META_KEY
from towpath.features.online.redis_wire import command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.features.online import Buffer
    from towpath.features.online.redis_wire import Commands, Reply

# So many keys are put into one piece of what is sent; a piece is not divided.
KEYS_AT_ONCE = 256
# What ends the command that reads the root of a key.
ROOT = b"\r\n$0\r\n\r\n"


def about_name(prefix: bytes, area: str) -> bytes:
    """Return the name of the hash that says what an area has.

    Example:
        >>> about_name(b"towpath:", "car@1f")
        b'towpath:area:car@1f'
    """
    return prefix + b"area:" + area.encode()


def keys_start(prefix: bytes, generation: bytes) -> bytes:
    """Return what the names of a generation's keys begin with.

    Example:
        >>> keys_start(b"towpath:", b"1f") + b"car"
        b'towpath:1f:car'
    """
    return prefix + generation + b":"


class Generation(dict[int, bytes]):
    r"""A generation that was in place: what goes before a key of each length, to read its root.

    Args:
        name: of the generation.
        start: what the names of its hashes begin with.

    Example:
        >>> Generation(b"1f", b"t:1f:")[3] + b"car" + ROOT == command(b"HGET", b"t:1f:car", b"")
        True
    """

    def __init__(self, name: bytes, start: bytes) -> None:
        super().__init__()
        self.name = name
        self.start = start

    def __missing__(self, length: int) -> bytes:
        head = b"*3\r\n$4\r\nHGET\r\n$%d\r\n%b" % (len(self.start) + length, self.start)
        self[length] = head
        return head

    def ask_roots(self, keys: Sequence[bytes]) -> bytes:
        """Return what asks for the roots of keys, of one at least."""
        lengths = set(map(len, keys))
        if len(lengths) == 1:
            head = self[lengths.pop()]
            return b"%b%b%b" % (head, (ROOT + head).join(keys), ROOT)
        heads = map(self.__getitem__, map(len, keys))
        return b"".join(chain.from_iterable(zip(heads, keys, repeat(ROOT))))


class Area:
    """An area, and the generation of it that was last seen.

    Args:
        prefix: of all names on the server.
        name: of the area.
    """

    __slots__ = ("ask_generation", "ask_text", "name", "prefix", "seen")

    def __init__(self, prefix: bytes, name: str) -> None:
        about = about_name(prefix, name)
        self.name = name
        self.prefix = prefix
        self.ask_text: Commands = (command(b"HGET", about, b"meta"), 1)
        self.ask_generation: Commands = (command(b"HGET", about, b"generation"), 1)
        self.seen: Generation | None = None

    def see(self, name: bytes) -> None:
        """Remember a generation that is in place."""
        self.seen = Generation(name, keys_start(self.prefix, name))


class Question:
    """What a read wants of one area: roots of keys, and its text.

    Args:
        area: which.
        runs: where the items are among those of the read.
        keys: of the items.

    Attributes:
        area: which.
        count: how many answers are awaited.
    """

    __slots__ = ("_asked", "_generation", "_keys", "_runs", "_text", "_usual", "area", "count")

    def __init__(self, area: Area, runs: Sequence[slice], keys: Sequence[bytes]) -> None:
        self.area = area
        self._runs = runs
        self._asked = keys
        first = keys[0] == META_KEY
        wanted = keys[1:] if first else keys
        different = set(wanted)
        again = META_KEY in different
        self._text = first or again
        # As nearly every read has it: the text comes first, and each key once.
        self._usual = len(different) == len(wanted) and not again
        self._keys = wanted if self._usual else list(different - {META_KEY})

    def commands(self) -> list[Commands]:
        """Return what is to be sent now."""
        area, generation, keys = self.area, self.area.seen, self._keys
        self._generation = generation
        if not keys:
            self.count = 1
            return [area.ask_text]
        if generation is None:
            self.count = 1
            return [area.ask_generation]
        self.count = self._text + len(keys) + 1
        asked = self._ask(generation)
        if self._text:
            return [area.ask_text, *asked, area.ask_generation]
        return [*asked, area.ask_generation]

    def answer(self, replies: list[Reply], found: list[Buffer | None]) -> bool:
        """Put the values where they belong; False if the area is to be asked again."""
        if self._keys:
            last = cast("bytes | None", replies.pop())
            if last is None:
                return True
            if self._generation is None or self._generation.name != last:
                self.area.see(last)
                return False
        values = self._values(replies)
        if len(self._runs) == 1:
            found[self._runs[0]] = values
            return True
        start = 0
        for run in self._runs:
            stop = start + run.stop - run.start
            found[run] = values[start:stop]
            start = stop
        return True

    def _ask(self, generation: Generation) -> list[Commands]:
        """Return what asks for the keys, one answer for each."""
        keys = self._keys
        if len(keys) <= KEYS_AT_ONCE:
            return [(generation.ask_roots(keys), len(keys))]
        starts = range(0, len(keys), KEYS_AT_ONCE)
        portions = [keys[start : start + KEYS_AT_ONCE] for start in starts]
        return [(generation.ask_roots(some), len(some)) for some in portions]

    def _values(self, replies: list[Reply]) -> Sequence[Buffer | None]:
        """Return the values of all items from the text, if it is wanted, and those answers."""
        found = cast("list[bytes | None]", replies)
        if self._usual:
            return found
        keys = (META_KEY, *self._keys) if self._text else self._keys
        return list(map(dict(zip(keys, found, strict=True)).__getitem__, self._asked))


class PartsQuestion(Question):
    """What a read wants of one area: whichever parts of keys, and its text.

    Args:
        area: which.
        runs: where the items are among those of the read.
        keys: of the items.
        parts: of the items.
    """

    __slots__ = ("_addresses", "_parts")

    def __init__(
        self, area: Area, runs: Sequence[slice], keys: Sequence[bytes], parts: Sequence[bytes]
    ) -> None:
        super().__init__(area, runs, keys)
        self._addresses = tuple(zip(keys, parts, strict=True))
        self._parts: dict[bytes, dict[bytes, None]] = {key: {} for key in self._keys}
        for key, part in self._addresses:
            if key != META_KEY:
                self._parts[key][part] = None

    def _ask(self, generation: Generation) -> list[Commands]:
        return [
            (command(b"HMGET", generation.start + key, *parts), 1)
            for key, parts in self._parts.items()
        ]

    def _values(self, replies: list[Reply]) -> Sequence[Buffer | None]:
        left = iter(replies)
        text = cast("bytes | None", next(left)) if self._text else None
        found: dict[tuple[bytes, bytes], bytes | None] = {}
        for (key, parts), values in zip(self._parts.items(), left, strict=True):
            for part, value in zip(parts, cast("list[bytes | None]", values), strict=True):
                found[key, part] = value
        return [text if one[0] == META_KEY else found[one] for one in self._addresses]
