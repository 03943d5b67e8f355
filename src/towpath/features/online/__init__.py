"""Online stores hold what serving needs by key; one Protocol, one file a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from towpath.core.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Buffer = bytes | memoryview
Row = tuple[bytes, bytes, bytes]
Parts = Mapping[bytes, bytes | None]
Get = Callable[[bytes], Buffer | None]
Edit = Callable[[bytes, Get], Parts]
NewMeta = Callable[[bytes | None], bytes]

META_KEY = b""
NO_META = b"{}"
LONGEST_KEY = 480
LONGEST_PART = 16


class Item(NamedTuple):
    """The address of a value: an area, a key in it, and a part of what the key has.

    Args:
        area: such as the name of a view and its layout.
        key: of an entity; the empty key (``META_KEY``) has the area's text about itself.
        part: which of the key's values; the empty one is its root.

    Example:
        >>> Item("car@1f", b"UA")
        Item(area='car@1f', key=b'UA', part=b'')
    """

    area: str
    key: bytes
    part: bytes = b""


class OnlineStore(Protocol):
    """Keeps areas; an area has keys, a key has parts, a part has a value; the area has a meta text.

    Every implementation promises:

    - Keys are 1 to 480 bytes, parts 0 to 16, both of any bytes; values have any length. A key and
      its part are given once in a ``write``, and a key once in a ``change``. An area's name has
      the letters of a file name. The store knows nothing of what the values mean.
    - ``write`` replaces an area as one step: any reader, also in another process and after a kill
      at any moment, sees the whole old or the whole new one. Changes made to the area while the
      rows are written are replaced too, unless they changed its meta.
    - ``change`` reads and writes each key as one step: with several writers, in several threads
      and processes, every edit is in what is there afterwards. If an edit raises, its key is as
      it was, and the keys before it may have been changed.
    - What returned survives a loss of power, as far as the server's own settings go that far (a
      store in memory excepted), and every later read in any process sees it.
    - ``read`` answers in the order of the items, None where there is nothing, also for an area
      never written. Parts of one key come from one state of that key; those of one area from one
      state of the area where the store can (memory, LMDB). A value may be a view into the store's
      memory: it holds until the same thread's next read; who keeps it longer copies it.
    - Safe to use from several threads, and in a forked child.
    - ``remote`` says whether calls wait for another process: those are not for an event loop.
    - ``Unavailable`` where the disk is full, or a server is down or does not answer within the
      time-out of its URL; ``Denied`` where it refuses. It works again, without being opened anew,
      once the cause is gone.
    - ``Contended``, which is an ``Unavailable`` too, where a store that works could not make a
      change for all the other writers of its keys.
    """

    remote: bool

    def write(self, area: str, rows: Iterable[Row], meta: bytes, *, replaces: bytes | None) -> None:
        """Replace the whole area with rows of key, part and value.

        Args:
            area: where to.
            rows: what it is to hold, in any order.
            meta: its text.
            replaces: the text that it has now; None where there is no such area yet.

        Raises:
            Conflict: its text is another; nothing has changed.
        """
        ...

    def change(
        self, area: str, keys: Sequence[bytes], edit: Edit, *, meta: NewMeta | None = None
    ) -> None:
        """Change keys of an area, and then its text; a missing area is made.

        Args:
            area: where.
            keys: which.
            edit: is given a key and a function that returns a part of it, and returns the parts
                that change, None for one to remove. It is called again after a conflict with
                another writer, so it only computes.
            meta: is given the present text, None for a missing area, and returns the new one,
                which is written once all keys are durable. Without it the text stays, ``{}`` for
                a missing area.
        """
        ...

    def read(self, items: Sequence[Item]) -> list[Buffer | None]:
        """Return the values of the items."""
        ...

    def keys(self, area: str) -> Iterator[bytes]:
        """Return the area's keys in any order; one changed meanwhile may or may not be there."""
        ...

    def drop(self, area: str) -> None:
        """Forget an area; nothing happens if there is none."""
        ...

    def close(self) -> None:
        """Release what is held open; values read before are no longer valid."""
        ...


def check_replaced(area: str, meta: bytes | None, replaces: bytes | None) -> None:
    """Refuse to replace another state of an area than the one that a writer knew.

    Args:
        area: its name.
        meta: its present text.
        replaces: the text that the writer knew.

    Raises:
        Conflict: they are not the same.

    Example:
        >>> check_replaced("car", b"{}", b"{}")
    """
    if meta != replaces:
        raise changed(area)


def changed(area: str) -> Conflict:
    """Return the error for an area that another writer has changed meanwhile.

    Example:
        >>> print(changed("car"))
        The online area 'car' has changed meanwhile. Materialise again.
    """
    message = f"The online area {area!r} has changed meanwhile."
    return Conflict(message, hint="Materialise again.", area=area)
