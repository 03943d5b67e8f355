"""Requests as they arrive on a connection, read by llhttp, which Node.js reads them by."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httptools

from towpath.web.exchange import Exchange
from towpath.web.problem import HeadTooLarge, Malformed, problem, too_large
from towpath.web.route import Call, Head

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.web.exchange import Owner
    from towpath.web.message import Response

HEAD_BYTES = 1 << 16
# So many times the limit of a body is read and thrown away, so that a client gets its answer: one
# that still writes when its connection closes would see that instead.
DISCARDED = 16
FRAMING = (b"content-length", b"transfer-encoding")
WANTED = frozenset((b"host", b"content-type", b"authorization", b"expect", *FRAMING))
REMEMBERED = 64
HINT = "Send a request of HTTP/1.1."
CLOSE, KEEP = b"close", b"keep-alive"


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

    def feed(self, data: bytes) -> None:
        """Read what arrived."""
        if self.deaf:
            return
        began = self.in_head
        try:
            self._parse(data)
        except httptools.HttpParserCallbackError:
            raise
        except httptools.HttpParserError as error:
            if not self.deaf:
                self.refuse(problem(Malformed(f"This is no request: {error}.", hint=HINT)))
            return
        # What comes with the beginning of a head is not counted: it may end what was before.
        self._head_bytes = self._head_bytes + len(data) if began and self.in_head else 0
        if self._head_bytes > HEAD_BYTES:
            message = f"The head of the request is over {HEAD_BYTES} bytes."
            self.refuse(problem(HeadTooLarge(message, hint="Send fewer or shorter headers.")))

    def refuse(self, response: Response) -> None:
        """Answer before all is there, and read no more."""
        path = self.exchange.path if self.exchange else ""
        self.exchange, self.in_head, self.deaf = None, False, True
        self._owner.on_request(Exchange(self._owner, response, path, bare=False, says=CLOSE))

    def on_message_begin(self) -> None:
        """Begin to read a request."""
        if self.deaf or self._again:
            return
        self.in_head = True
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
            self._headers[lower] = value

    def on_headers_complete(self) -> None:
        """See whether the request is let in."""
        if self.deaf or self._again:
            self._again = False
            return
        self.in_head = False
        method = self._parser.get_method().decode()
        headers, found = self._headers, _parsed(self._url)
        if found is None or self._fault:
            fault = self._fault or "The address is malformed."
            self.refuse(problem(Malformed(fault, hint=HINT)))
            return
        length = int(headers.get(b"content-length", 0))
        call = self._owner.app.admit(Head(method, *found, headers), length)
        exchange = Exchange(self._owner, call, found[0], bare=method == "HEAD", says=self._says())
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
                one.parts.append(part)
                return
            one.call = problem(too_large(one.call.limit))
            one.parts.clear()
        if one.size > DISCARDED * self._owner.app.limits.body_bytes:
            self.refuse(one.call)

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
        while data:
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

    def _says(self) -> bytes:
        """Return what the answer says of the connection; HTTP/1.1 keeps it without a word."""
        if not self._parser.should_keep_alive():
            return CLOSE
        return KEEP if self._parser.get_http_version() == "1.0" else b""


@lru_cache(maxsize=REMEMBERED)
def _parsed(url: bytes) -> tuple[str, str] | None:
    """Return path and query of what is asked for, None if it is not as it should be."""
    try:
        found = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        return None
    path, query = found.path or b"/", found.query or b""
    return unquote(path.decode("latin-1")), query.decode("latin-1")
