"""From an error to an HTTP answer: problem+json (RFC 9457), one table of status codes."""

from __future__ import annotations

import logging

import msgspec

from towpath.core.errors import (
    Conflict,
    Contract,
    Denied,
    Invalid,
    MissingExtra,
    NotFound,
    TowpathError,
    Unavailable,
)
from towpath.core.record import to_json
from towpath.web.message import Response

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1

logger = logging.getLogger(__name__)


class TooLarge(Invalid):
    """The request's body is over the limit."""


class WrongMethod(Invalid):
    """The path exists, but not for this method."""


STATUS: dict[type[Exception], int] = {
    TooLarge: 413,
    WrongMethod: 405,
    Invalid: 422,
    Contract: 422,
    NotFound: 404,
    Conflict: 409,
    Denied: 403,
    MissingExtra: 501,
    Unavailable: 503,
    msgspec.ValidationError: 422,
    msgspec.DecodeError: 400,
}
TITLES = {
    400: "Malformed request",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Request too large",
    422: "Invalid request",
    500: "Unexpected error",
    501: "Not installed",
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
    """Return the HTTP status for an error, 500 for one that nobody foresaw.

    Example:
        >>> status_of(NotFound("There is no model 'x'."))
        404
    """
    return next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)


def problem(error: Exception) -> Response:
    """Turn an error into an answer; an unforeseen one is logged and tells nothing.

    Example:
        >>> problem(NotFound("There is no model 'x'.", hint="Train one.")).status
        404
    """
    status = status_of(error)
    kind = TITLES[status].lower().replace(" ", "-")
    body = Problem(type=f"urn:towpath:problem:{kind}", title=TITLES[status], status=status)
    headers: tuple[tuple[str, str], ...] = ()
    if isinstance(error, TowpathError):
        body.detail, body.hint, body.data = error.message, error.hint, error.data
    elif isinstance(error, msgspec.DecodeError):
        body.detail, body.hint = f"{error}.", "The request's schema is at /openapi.json."
    else:
        logger.error("request failed", exc_info=error)
    if isinstance(error, WrongMethod):
        headers = (("allow", str(error.data["allow"])),)
    if status == STATUS[Unavailable]:
        headers = (("retry-after", str(error_retry(error))),)
    return Response(to_json(body), status=status, media_type=MEDIA_TYPE, headers=headers)


def error_retry(error: Exception) -> int:
    """Return after how many whole seconds to try again.

    Example:
        >>> error_retry(Unavailable("Busy.", retry_seconds=3))
        3
    """
    given = error.data.get("retry_seconds") if isinstance(error, TowpathError) else None
    return given if isinstance(given, int) else RETRY_SECONDS
