"""Takes messages of a stream in: what returned is durable, and may be acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from towpath.core.errors import Invalid
from towpath.core.instant import to_micros
from towpath.core.record import Record
from towpath.features.push import Pusher, PushReport
from towpath.features.push_log import PushLog, entry_of, since_of
from towpath.features.streams.dead_letters import DeadLetter, DeadLetterLog
from towpath.features.streams.decode import sort

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from towpath.core.clock import Clock
    from towpath.features.online import OnlineStore
    from towpath.features.push import Target
    from towpath.features.push_log import Entry
    from towpath.features.streams import Message
    from towpath.features.view import FeatureView
    from towpath.lake.dataset import Dataset


class Goal(NamedTuple):
    """Where the rows of a stream go.

    Args:
        dataset: what they are rows of.
        views: the views of it.
        to: online, offline (the lake) or both.
        store: holds what is online.
        folder: of the log of pushed rows for the lake.
        dead: folder of the log of dead letters.
    """

    dataset: Dataset
    views: Sequence[FeatureView]
    to: Target
    store: OnlineStore
    folder: Path
    dead: Path


class Taken(Record, frozen=True):
    """What became of messages.

    Args:
        messages: how many there were.
        rows: rows of them that were taken in.
        accepted: events that are new online, counted once for each view.
        repeated: events that were online.
        expired: events too old to be kept online.
        dead: messages refused, in whole or in part.
    """

    messages: int = 0
    rows: int = 0
    accepted: int = 0
    repeated: int = 0
    expired: int = 0
    dead: int = 0

    def __add__(self, other: Taken) -> Taken:
        """Add up what became of two batches."""
        names = self.__struct_fields__
        return Taken(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass
class Batch:
    """Messages that are being taken in, and what of them is durable already.

    Args:
        messages: as they came.
        rows: those of them that may be pushed.
        letters: the dead ones among them.
        entry: rows for the log; None where none belong in the lake.
        buried: whether the log of dead letters has its own.
        logged: whether the log of rows has its own.
    """

    messages: Sequence[Message]
    rows: pa.Table
    letters: Sequence[DeadLetter]
    entry: Entry | None
    buried: bool = False
    logged: bool = False


class Taker:
    """Takes messages in, for one dataset.

    An event is known by its time and the dataset's key, a dead letter by the stream's name for
    the message: whatever is taken in again changes nothing.

    Args:
        goal: where rows go.
        stream: name of the stream, for dead letters.
        clock: tells when messages were taken.

    Raises:
        Invalid: rows of the dataset cannot be pushed there.
    """

    def __init__(self, goal: Goal, stream: str, *, clock: Clock) -> None:
        """Plan the views; nothing is written yet."""
        name = goal.dataset.name
        if goal.to != "offline" and not goal.views:
            message = f"Rows of dataset {name!r} have no place online: no view is made of it."
            hint = "Send them to the lake with --to offline, or define a view."
            raise Invalid(message, hint=hint, dataset=name)
        self._goal = goal
        self._stream = stream
        self._clock = clock
        self._pusher = Pusher(goal.store, goal.dataset, goal.views)
        self._dead = DeadLetterLog(goal.dead)
        self._log: PushLog | None = None
        self._in_hand: Batch | None = None

    def take(self, messages: Sequence[Message]) -> Taken:
        """Keep dead letters, log rows for the lake, then put them online.

        Raises:
            Unavailable: the disk or the online store does not take them; take them again. What is
                in a log by then is not logged again.
        """
        batch = self._in_hand
        if batch is None or batch.messages != messages:
            batch = self._in_hand = self._begun(messages)
        self._keep(batch)
        report = self._put_online(batch)
        self._in_hand = None
        return Taken(
            messages=len(messages),
            rows=batch.rows.num_rows,
            accepted=report.accepted,
            repeated=report.repeated,
            expired=report.expired,
            dead=len(batch.letters),
        )

    def close(self) -> None:
        """Close the logs."""
        self._dead.close()
        if self._log is not None:
            self._log.close()

    def _begun(self, messages: Sequence[Message]) -> Batch:
        """Look at messages; nothing is written yet."""
        goal, now = self._goal, to_micros(self._clock.now())
        rows, refused = sort(messages, goal.dataset, self._pusher)
        letters = [self._letter(messages[one], reason, now) for one, reason in refused.items()]
        entry = None
        if rows.num_rows and goal.to != "online":
            online = goal.to == "online_and_offline"
            entry = entry_of(goal.dataset.name, rows, arrived=now, online=online)
        return Batch(messages, rows, letters, entry)

    def _keep(self, batch: Batch) -> None:
        """Write what is not in the logs yet."""
        if not batch.buried:
            self._dead.append(batch.letters)
            batch.buried = True
        if batch.entry is not None and not batch.logged:
            self._opened().append(batch.entry)
            batch.logged = True

    def _put_online(self, batch: Batch) -> PushReport:
        """Put rows online if they belong there, and note in the log since when they are."""
        goal, rows = self._goal, batch.rows
        if not rows.num_rows or goal.to == "offline":
            return PushReport(rows.num_rows)
        report = self._pusher.add(rows, now=self._clock.now())
        if batch.entry is not None:
            now = to_micros(self._clock.now())
            self._opened().note(since_of(batch.entry, rows, goal.dataset, now=now))
        return report

    def _letter(self, message: Message, reason: str, now: int) -> DeadLetter:
        """Return a message that is refused as a dead letter."""
        return DeadLetter(
            dataset=self._goal.dataset.name,
            stream=self._stream,
            message=message.id,
            sent_at=message.at,
            refused_at=now,
            reason=reason,
            content=message.content,
        )

    def _opened(self) -> PushLog:
        """Return the log of rows for the lake, open."""
        if self._log is None:
            self._log = PushLog(self._goal.folder)
        return self._log
