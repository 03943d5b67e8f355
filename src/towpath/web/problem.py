"""From an error to an HTTP answer: problem+json (RFC 9457), one table of status codes."""

from __future__ import annotations

import logging

import msgspec

from towpath.core.errors import (
    Denied,
    Invalid,
    NotFound,
    TowpathError,
    Unavailable,
)
from towpath.core.record import to_json
from towpath.web.message import Response

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1

logger = logging.getLogger(__name__)


class Missing(NotFound):
    """What the request names does not exist."""


class Refused(Denied):
    """The client may not ask this."""


class Unknown(Denied):
    """The client does not say who it is, or nobody knows it."""


class Busy(Unavailable):
    """The server does not take the request now."""


class WrongType(Invalid):
    """The body is not of the type that the path takes."""


class TooLarge(Invalid):
    """The request's body is over the limit."""


class HeadTooLarge(Invalid):
    """The request's head is over the limit."""


class Malformed(Invalid):
    """What arrives is no request."""


class WrongMethod(Invalid):
    """The path exists, but not for this method."""


# What the client can mend, or wait for. All else is the server's own affair: it is logged, and the
# client hears neither paths nor reasons.
TOLD: dict[type[Exception], int] = {
    TooLarge: 413,
    HeadTooLarge: 431,
    Malformed: 400,
    WrongMethod: 405,
    WrongType: 415,
    Invalid: 422,
    Missing: 404,
    Unknown: 401,
    Refused: 403,
    Busy: 503,
    msgspec.ValidationError: 422,
    msgspec.DecodeError: 400,
}
# A fault on purpose is one that someone can mend while the server runs.
FAULT, UNFORESEEN = 503, 500
STATUS = frozenset({*TOLD.values(), FAULT, UNFORESEEN})
TITLES = {
    400: "Malformed request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    413: "Request too large",
    415: "Unsupported type",
    422: "Invalid request",
    431: "Request head too large",
    500: "Unexpected error",
    503: "Unavailable",
}


class Problem(msgspec.Struct, omit_defaults=True):
    """The body of an answer that is not a success.

    Args:
        type: a name for the kind of problem, stable across versions.
        title: the kind of problem in words.
        status: the HTTP status.
        detail: what is wrong with this request.
        hint: what to do next.
        data: the facts as fields.
    """

    type: str
    title: str
    status: int
    detail: str = ""
    hint: str = ""
    data: dict[str, object] = msgspec.field(default_factory=dict)


def status_of(error: Exception) -> int:
    """Return the HTTP status: what the client can mend, 503 for a fault here, 500 for a defect.

    Example:
        >>> status_of(Missing("There is no key 'x'.")), status_of(NotFound("No file /a/b."))
        (404, 503)
    """
    fault = FAULT if isinstance(error, TowpathError) else UNFORESEEN
    return next((code for kind, code in TOLD.items() if isinstance(error, kind)), fault)


def problem(error: Exception) -> Response:
    """Turn an error into an answer; the server's own fault is logged and tells nothing.

    Example:
        >>> problem(Missing("There is no key 'x'.", hint="Ask for another.")).status
        404
    """
    status = status_of(error)
    kind = TITLES[status].lower().replace(" ", "-")
    body = Problem(type=f"urn:towpath:problem:{kind}", title=TITLES[status], status=status)
    headers: tuple[tuple[str, str], ...] = ()
    if not isinstance(error, tuple(TOLD)):
        body.detail, body.hint = "The server cannot answer.", "The server's log says why."
        logger.error("request failed", exc_info=error)
    elif isinstance(error, TowpathError):
        body.detail, body.hint, body.data = error.message, error.hint, error.data
    else:
        body.detail, body.hint = f"{error}.", "The request's schema is at /openapi.json."
    if isinstance(error, WrongMethod):
        headers = (("allow", str(error.data["allow"])),)
    if isinstance(error, Unknown):
        headers = (("www-authenticate", "Bearer"),)
    if status == FAULT:
        headers = (("retry-after", str(RETRY_SECONDS)),)
    try:
        written = to_json(body)
    except (TypeError, ValueError, NotImplementedError, msgspec.MsgspecError) as unwritten:
        logger.error("a problem's facts cannot be shown: %s", unwritten)  # noqa: TRY400 - it says all
        body.data = {}
        body.detail, body.hint = _shown(body.detail), _shown(body.hint)
        written = to_json(body)
    return Response(written, status=status, media_type=MEDIA_TYPE, headers=headers)


def _shown(text: str) -> str:
    """Return a text that can be written in UTF-8."""
    return text.encode(errors="replace").decode()


def too_large(limit: int) -> TooLarge:
    """Say that a body is over a limit.

    Example:
        >>> too_large(10).message
        'The body is over 10 bytes.'
    """
    return TooLarge(f"The body is over {limit} bytes.", hint="Send fewer rows in one request.")
