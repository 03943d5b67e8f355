"""The prediction log: each answer is in the operating system's hands before it is sent.

The first frame of a segment (``core.segment``) is a ``Header``, each other one a ``Logged``.
Killing the process loses no acknowledged prediction; losing power may lose what was written since
the last sync, a tenth of a second.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

import msgspec

from towpath.core.closing import Closing
from towpath.core.errors import Unavailable
from towpath.core.segment import SEGMENT_BYTES, Segments, framed, read_first, read_frames
from towpath.lake.system import FROM_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FORMAT = 1
SYNC_SECONDS = 0.1

logger = logging.getLogger(__name__)


class Header(msgspec.Struct, frozen=True, array_like=True):
    """What all predictions of a segment share.

    Args:
        written: version of the format.
        endpoint: name of the endpoint.
        features: names of the features, in the order of the values.
    """

    written: int
    endpoint: str
    features: tuple[str, ...]


class Logged(msgspec.Struct, frozen=True, array_like=True):
    """One prediction as it was answered.

    Args:
        id: unique over all endpoints and servers.
        arm: the alias that answered.
        model: name of the model.
        version: number of its version.
        key: the key as JSON with its columns in order; ``{}`` where none was given.
        at: time the features are of, in microseconds.
        logged_at: time of the answer, in microseconds.
        values: the features' values, None for null.
        probability: the model's output.
        decision: whether it reached the threshold.
        features_from: what the values come from: ``key``, ``row`` or ``defaults``.
        features_until: events up to here were known, in microseconds; None where none were read.
    """

    id: str
    arm: str
    model: str
    version: int
    key: str
    at: int
    logged_at: int
    values: list[object]
    probability: float
    decision: bool
    features_from: str = FROM_KEY
    features_until: int | None = None


class PredictionLog(Closing):
    """The open log of one endpoint. One thread writes; another syncs behind it.

    Args:
        folder: where the segments are kept.
        endpoint: name of the endpoint.
        features: names of the features.
        segment_bytes: size after which a new segment starts.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> one = Logged("a", "champion", "late", 1, "{}", 0, 0, [7], 0.5, True)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with PredictionLog(Path(folder), "late", features=("hour",)) as log:
        ...         log.append([one])
        ...     [logged.values for logged in read_segment(sorted(Path(folder).iterdir())[0])]
        [[7]]
    """

    def __init__(
        self,
        folder: Path,
        endpoint: str,
        *,
        features: Sequence[str],
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        """Start a segment of its own, so that no two servers write to one file."""
        self._endpoint = endpoint
        self._encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
        header = self._encoder.encode(Header(FORMAT, endpoint, tuple(features)))
        self._segments = Segments(folder, header, segment_bytes=segment_bytes)
        self._lock = threading.Lock()
        self._dirty = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._sync_often, name="log-sync", daemon=True)
        self._thread.start()

    def append(self, predictions: Sequence[Logged]) -> None:
        """Hand predictions to the operating system; what returned is safe from a kill.

        Raises:
            Unavailable: the disk does not take them. None of them is in the log then, or those
                that are were never acknowledged.
        """
        encode = self._encoder.encode
        data = b"".join([framed(encode(one)) for one in predictions])
        try:
            with self._lock:
                self._segments.write(data)
                self._dirty = True
        except OSError as error:
            why = error.strerror or error
            message = f"The prediction log of {self._endpoint!r} cannot be written: {why}."
            raise Unavailable(
                message, hint="Free space on the disk of the state folder."
            ) from error

    def close(self) -> None:
        """Sync what is left and close the segment."""
        self._stopped.set()
        self._thread.join()
        with self._lock:
            self._segments.close()

    def _sync_often(self) -> None:
        """Sync what was written, a few times a second."""
        while not self._stopped.wait(SYNC_SECONDS):
            with self._lock:
                open_one = self._segments.handle
                handle = os.dup(open_one) if self._dirty and open_one >= 0 else -1
                self._dirty = False
            if handle < 0:
                continue
            try:
                os.fdatasync(handle)
            except OSError:
                logger.exception("prediction log of %s not synced", self._endpoint)
            finally:
                os.close(handle)


def read_header(path: Path) -> Header | None:
    """Return the header of a segment, None if even that was torn."""
    first = read_first(path)
    return msgspec.msgpack.decode(first, type=Header) if first else None


def read_segment(path: Path, *, start: int = 0, end: int | None = None) -> Iterator[Logged]:
    """Yield the predictions between two offsets that ``segment_end`` gave.

    A torn frame ends the segment: it was never acknowledged.

    Raises:
        Contract: a frame is damaged, and whole ones follow it.
    """
    return map(msgspec.msgpack.Decoder(Logged).decode, read_frames(path, start=start, end=end))


def _plain(value: object) -> object:
    """Turn a numpy scalar into Python's own number."""
    if hasattr(value, "item"):
        return value.item()
    message = f"{type(value).__name__} has no form in the prediction log"
    raise NotImplementedError(message)
