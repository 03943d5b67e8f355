"""Requests as they arrive on a connection, read by llhttp, which Node.js reads them by."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httptools

from towpath.web.problem import HeadTooLarge, Malformed, problem, too_large
from towpath.web.route import Call, Head
from towpath.web.wire.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.web.message import Response
    from towpath.web.wire.exchange import Owner

HEAD_BYTES = 1 << 16
# A body may come with so many times its size around it: lengths of chunks, what follows them.
AROUND = 16
# So many times the limit of a body is read and thrown away, so that a client gets its answer: one
# that still writes when its connection closes would see that instead.
DISCARDED = 16
FRAMING = (b"content-length", b"transfer-encoding")
WANTED = frozenset((b"host", b"content-type", b"authorization", b"expect", *FRAMING))
REMEMBERED = 64
HINT = "Send a request of HTTP/1.1."
CLOSE, KEEP = b"close", b"keep-alive"
VERSIONS = ("1.0", "1.1")


class Reader:
    """Reads the requests of one connection, until one is not as it should be.

    Args:
        owner: the connection.

    Attributes:
        exchange: the request whose body is read at present.
        in_head: whether a head is read at present.
        deaf: whether what else comes is thrown away.
    """

    def __init__(self, owner: Owner) -> None:
        """Wait for the first request."""
        self.exchange: Exchange | None = None
        self.in_head = False
        self.deaf = False
        self._owner = owner
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._fault = ""
        self._head_bytes = 0
        # Whether the head that the parser reads is one that is known already.
        self._again = False
        # Whether the head began with what was read last; and what came of a body and around it.
        self._fresh = False
        self._wire_bytes = 0

    def feed(self, data: bytes) -> None:
        """Read what arrived."""
        if self.deaf:
            return
        self._fresh = False
        self._wire_bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserCallbackError:
            raise
        except httptools.HttpParserError as error:
            if not self.deaf:
                self.refuse(problem(Malformed(f"This is no request: {error}.", hint=HINT)))
            return
        self._check_sizes(len(data))

    def close(self) -> None:
        """Let go of all that was read."""
        self.exchange, self.in_head, self.deaf = None, False, True
        self._url, self._headers = b"", {}
        # The one before would hold this reader as this reader holds it.
        self._parser = httptools.HttpRequestParser(None)

    def refuse(self, response: Response) -> None:
        """Answer before all is there, and read no more."""
        one = self.exchange or Exchange(self._owner, response, "", bare=False, says=CLOSE)
        one.refuse(response)
        one.says = CLOSE
        self.exchange, self.in_head, self.deaf = None, False, True
        self._owner.on_request(one)

    def on_message_begin(self) -> None:
        """Begin to read a request."""
        if self.deaf or self._again:
            return
        self.in_head = self._fresh = True
        self._head_bytes = 0
        self._url, self._headers, self._fault = b"", {}, ""
        self._owner.on_head()

    def on_url(self, url: bytes) -> None:
        """Read what is asked for; it may come in parts."""
        if self.in_head:
            self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header that is wanted; those after a body are not."""
        lower = name.lower()
        if lower in WANTED and self.in_head:
            if lower in self._headers:
                # A server before this one might have read the other of the two.
                self._fault = f"The header {lower.decode()} is there twice."
            elif lower == b"transfer-encoding" and value.strip().lower() != b"chunked":
                self._fault = "The body is encoded in another way than by chunks."
            self._headers[lower] = value

    def on_headers_complete(self) -> None:
        """See whether the request is let in."""
        if self.deaf or self._again:
            self._again = False
            return
        self.in_head = False
        self._wire_bytes = 0
        method = self._parser.get_method().decode()
        headers, found, version = self._headers, _parsed(self._url), self._parser.get_http_version()
        if found is None or self._fault or version not in VERSIONS:
            fault = self._fault or f"The address is malformed, or its version {version}."
            self.refuse(problem(Malformed(fault, hint=HINT)))
            return
        path, query, host = found
        if host:
            headers[b"host"] = host
        length = int(headers.get(b"content-length", 0))
        call = self._owner.app.admit(Head(method, path, query, headers), length)
        says = self._says(version)
        exchange = Exchange(self._owner, call, path, bare=method == "HEAD", says=says)
        self._again = self._parser.should_upgrade()
        self.exchange = exchange
        asks = headers.get(b"expect", b"").lower() == b"100-continue"
        if asks and not isinstance(call, Call):
            self.refuse(call)
        else:
            self._owner.on_body_due(exchange, asks=asks)

    def on_body(self, part: bytes) -> None:
        """Take a part of the body, or throw it away."""
        one = self.exchange
        if one is None:
            return
        one.size += len(part)
        if isinstance(one.call, Call):
            if one.size <= one.call.limit:
                one.take(part)
                return
            refusal = problem(too_large(one.call.limit))
            one.refuse(refusal)
        else:
            refusal = one.call
        if one.size > DISCARDED * self._owner.app.limits.body_bytes:
            self.refuse(refusal)

    def on_message_complete(self) -> None:
        """Hand the request on, unless its body is still to be read."""
        if self._again:
            return
        one, self.exchange = self.exchange, None
        if one is not None:
            self.deaf = one.says == CLOSE
            self._owner.on_request(one)

    def _parse(self, data: bytes) -> None:
        """Let the parser read; a wish for another protocol is not heard.

        The parser stops behind a head with such a wish (Java's client sends one by default). A new
        one reads the body, by a head that has no such wish.
        """
        while data and not self.deaf:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                framing = [b"%b: %b\r\n" % one for one in self._framing()]
                head = b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(framing)
                data = head + data[upgrade.args[0] :]
                self._parser = httptools.HttpRequestParser(self)
            else:
                return

    def _framing(self) -> Iterator[tuple[bytes, bytes]]:
        """Return the headers that say how long a body is."""
        return ((name, self._headers[name]) for name in FRAMING if name in self._headers)

    def _says(self, version: str) -> bytes:
        """Return what the answer says of the connection; HTTP/1.1 keeps it without a word."""
        old = version == "1.0"
        if not self._parser.should_keep_alive() or (old and b"transfer-encoding" in self._headers):
            return CLOSE
        return KEEP if old else b""

    def _check_sizes(self, read: int) -> None:
        """Refuse a head that is too large, or a body with much more around it than in it."""
        one = self.exchange
        if self.in_head and not self._fresh:
            # What came with the beginning of a head may belong to what was before.
            self._head_bytes += read
            if self._head_bytes > HEAD_BYTES:
                message = f"The head of the request is over {HEAD_BYTES} bytes."
                self.refuse(problem(HeadTooLarge(message, hint="Send fewer or shorter headers.")))
        elif one is not None and self._wire_bytes > HEAD_BYTES + AROUND * one.size:
            message = "The body's chunks are too small, or what follows them is too large."
            self.refuse(problem(HeadTooLarge(message, hint="Announce the body's length instead.")))


@lru_cache(maxsize=REMEMBERED)
def _parsed(url: bytes) -> tuple[str, str, bytes] | None:
    """Return path, query and host of what is asked for, None if it is not as it should be."""
    try:
        found = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        return None
    path, query = found.path or b"/", found.query or b""
    host = found.host or b""
    if found.port:
        host += b":%d" % found.port
    return unquote(path.decode("latin-1")), query.decode("latin-1"), host
