"""Text as UTF-8, refused as soon as its bytes are no text."""

from __future__ import annotations

import codecs
import io
from typing import TYPE_CHECKING, BinaryIO

from towpath.core.errors import Contract

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK_BYTES = 1 << 20
WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# In plain letters written as UTF-16 every other byte is a NUL.
WIDE_SHARE = 0.3
SHOWN = 20


class CheckedText(io.RawIOBase):
    r"""Bytes of a text file, read once and to the end.

    A mark of UTF-8 at the start is left out, and another encoding becomes UTF-8.

    Args:
        source: the file's bytes, unpacked.
        origin: what messages call the file.
        encoding: how the text is written.
        watch: sees the bytes as they pass.

    Raises:
        Contract: when read, that the text is not of the encoding, or holds a NUL byte; the line is
            named, and the encoding that it seems to be.

    Example:
        >>> CheckedText(io.BytesIO("São".encode("latin-1")), "a.csv", encoding="latin-1").read()
        b'S\xc3\xa3o'
    """

    def __init__(
        self,
        source: BinaryIO,
        origin: str,
        *,
        encoding: str = "utf-8",
        watch: Callable[[bytes], None] | None = None,
    ) -> None:
        """Read nothing yet."""
        self._source = source
        self._origin = origin
        self._name = encoding
        self._plain = codecs.lookup(encoding).name == "utf-8"
        self._decoder = codecs.getincrementaldecoder("utf-8-sig" if self._plain else encoding)()
        self._watch = watch
        self._line = 1
        self._started = False

    def readable(self) -> bool:
        """Return true: this is for reading."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Return some of the bytes, none of them at the end; about ``size`` if that is given."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(CHUNK_BYTES), b""))
        while True:
            chunk = self._source.read(size)
            text = self._checked(bytes(chunk))
            if text or not chunk:
                self._line += text.count(b"\n") or text.count(b"\r")
                if self._watch is not None:
                    self._watch(text)
                return text

    def _checked(self, chunk: bytes) -> bytes:
        """Return the chunk's text as UTF-8."""
        if not self._started:
            self._started = True
            if self._plain and chunk.startswith(WIDE_MARKS):
                raise self._fault("is UTF-16, not UTF-8", 1, encoding="utf-16")
        elif self._plain and chunk.isascii() and not self._decoder.getstate()[0]:
            self._refuse_nul(chunk)
            return chunk
        before = self._decoder.getstate()[0]
        try:
            text = self._decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            raise self._undecodable(before + chunk, error.start) from error
        found = text.encode("utf-8", errors="surrogatepass")
        self._refuse_nul(found)
        return found

    def _refuse_nul(self, text: bytes) -> None:
        """Refuse bytes of which one is zero."""
        if b"\0" not in text:
            return
        line = self._line_at(text, text.index(b"\0"))
        if text.count(b"\0") > WIDE_SHARE * len(text):
            raise self._fault("seems to be UTF-16, not UTF-8", line, encoding="utf-16")
        message = "The line holds a NUL byte, which no text has."
        where = f"{self._origin}:{line}"
        raise Contract(message, where=where, hint="Remove it, or export the file again.", line=line)

    def _undecodable(self, data: bytes, place: int) -> Contract:
        """Say what the text seems to be in place of its encoding."""
        line = self._line_at(data, place)
        if not self._plain:
            return self._fault(f"is not {self._name}", line)
        start = max(data.rfind(b"\n", 0, place) + 1, place - SHOWN)
        nearby = data[start : place + SHOWN]
        if nearby.count(b"\0") > WIDE_SHARE * len(nearby):
            return self._fault("seems to be UTF-16, not UTF-8", line, encoding="utf-16")
        try:
            shown = nearby.splitlines()[0].decode("windows-1252")
        except UnicodeDecodeError:
            return self._fault("is not UTF-8", line)
        what = f"is not UTF-8; it seems to be Latin-1 or Windows-1252 ({shown.strip()!r})"
        return self._fault(what, line, encoding="windows-1252")

    def _fault(self, what: str, line: int, *, encoding: str = "") -> Contract:
        """Make the error."""
        hint = "Save it as UTF-8"
        hint += f", or tell the source its encoding: {encoding}." if encoding else "."
        return Contract(f"The text {what}.", where=f"{self._origin}:{line}", hint=hint, line=line)

    def _line_at(self, data: bytes, place: int) -> int:
        """Return the number of the line that a byte stands in."""
        before = data[:place]
        return self._line + (before.count(b"\n") or before.count(b"\r"))
