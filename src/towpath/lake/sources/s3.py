"""Buckets of S3, or of any store that speaks it, to read from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.fs as pafs

from towpath.core.errors import Denied, TowpathError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEME = "s3://"
REGION = "us-east-1"
REFUSED = ("ACCESS_DENIED", "AccessDenied", "403", "Forbidden", "InvalidAccessKeyId")


def s3_file_system(environ: Mapping[str, str]) -> pafs.S3FileSystem:
    """Reach the buckets that the environment's credentials open.

    Args:
        environ: the environment's variables; ``AWS_ENDPOINT_URL`` and ``AWS_REGION`` count here,
            and the libraries of AWS look for the credentials.

    Example:
        >>> s3_file_system({"AWS_REGION": "eu-west-1"}).region
        'eu-west-1'
    """
    scheme, _, address = environ.get("AWS_ENDPOINT_URL", "").rpartition("://")
    return pafs.S3FileSystem(
        endpoint_override=address or None,
        scheme="http" if scheme == "http" else "https",
        region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or REGION,
    )


def s3_error(error: OSError, origin: str) -> TowpathError:
    """Tell a refusal from a bucket that cannot be reached.

    Example:
        >>> type(s3_error(OSError("ACCESS_DENIED"), "s3://lake/trips.csv")).__name__
        'Denied'
    """
    reason = str(error).partition("\n")[0]
    if any(sign in reason for sign in REFUSED):
        message = f"{origin} may not be read: {reason}."
        return Denied(message, hint="Check the credentials and what they allow.")
    message = f"{origin} cannot be reached: {reason}."
    return Unavailable(message, hint="Check AWS_ENDPOINT_URL, the bucket and the network.")
