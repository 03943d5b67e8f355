"""How buckets of S3, or of any store that speaks it, are reached, and what they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.fs as pafs

from towpath.core.errors import Denied, TowpathError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEME = "s3://"
REGION = "us-east-1"
ALLOWED = "Check the credentials and what they allow."
NETWORK = "Check AWS_ENDPOINT_URL, the bucket and the network."
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


def is_refusal(error: OSError) -> bool:
    """Tell a refusal from a bucket that cannot be reached.

    Example:
        >>> is_refusal(OSError("AWS Error ACCESS_DENIED during GetObject"))
        True
    """
    return any(sign in first_line(error) for sign in REFUSED)


def first_line(error: OSError) -> str:
    r"""Return what an error says, without the trace that some libraries add.

    Example:
        >>> first_line(OSError("refused\nat line 7"))
        'refused'
    """
    return str(error).partition("\n")[0]


def s3_error(error: OSError, origin: str) -> TowpathError:
    """Say what an error of reading means.

    Example:
        >>> type(s3_error(OSError("ACCESS_DENIED"), "s3://lake/trips.csv")).__name__
        'Denied'
    """
    if is_refusal(error):
        return Denied(f"{origin} may not be read: {first_line(error)}.", hint=ALLOWED)
    return Unavailable(f"{origin} cannot be reached: {first_line(error)}.", hint=NETWORK)
