"""Delta tables in a bucket of S3, or of any store that speaks it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pyarrow.fs as pafs

from towpath.catalog.leases import LEASE_SECONDS
from towpath.core.clock import Clock, SystemClock
from towpath.core.errors import Denied, Invalid, TowpathError, Unavailable
from towpath.core.url import check_no_login
from towpath.lake.s3 import ALLOWED, NETWORK, first_line, is_refusal, s3_file_system
from towpath.lake.tables.versioned import VersionedTables

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from pathlib import Path

    from towpath.catalog.database import Database

# As many single questions cost as much as one listing of a whole folder.
FEW = 8
# Times in a bucket count seconds: what was written twice within one looks the same.
YOUNG_NANOSECONDS = 2_000_000_000
# The catalog waits while a commit is written, and its other writers wait for it.
COMMIT_TIMEOUT = "8s"


class Bucket:
    """Files below a prefix of a bucket.

    Endpoint and region come from ``AWS_ENDPOINT_URL`` and ``AWS_REGION``; credentials from
    wherever the libraries of AWS look for them.

    Args:
        url: such as ``s3://lake/production``.
        environ: the environment's variables.

    Raises:
        Invalid: the URL names no bucket, or holds a key.

    Example:
        >>> Bucket("s3://lake/production", {"AWS_REGION": "eu-west-1"}).url("trips")
        's3://lake/production/trips'
    """

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        """Name the place; nothing is asked yet."""
        check_no_login(url)
        self.root = url.removeprefix("s3://").strip("/")
        if not url.startswith("s3://") or not self.root:
            message = f"The lake's URL {url!r} names no bucket."
            raise Invalid(message, hint="Write lake = 's3://BUCKET/PREFIX' in towpath.toml.")
        endpoint, bucket = environ.get("AWS_ENDPOINT_URL", ""), s3_file_system(environ)
        self.filesystem: pafs.FileSystem = pafs.SubTreeFileSystem(self.root, bucket)
        self.options = {
            "aws_region": bucket.region,
            "aws_conditional_put": "etag",
            "timeout": COMMIT_TIMEOUT,
        }
        if endpoint:
            self.options["aws_endpoint_url"] = endpoint
        if endpoint.startswith("http://"):
            self.options["aws_allow_http"] = "true"

    def url(self, path: str) -> str:
        """Return the URL of a file or table."""
        return f"s3://{self.root}/{path}"

    def prepare(self, folder: str) -> None:
        """Do nothing: a bucket has no folders."""

    def sync(self, paths: Sequence[str]) -> None:
        """Do nothing: a file is kept when its upload was answered."""

    def identities(self, paths: Sequence[str]) -> list[Hashable | None]:
        """Return size and time of each file; one so young that its time says little has none."""
        if len(paths) <= FEW:
            found = self.filesystem.get_file_info(list(paths))
        else:
            folders = {path.rpartition("/")[0] for path in paths}
            selectors = [pafs.FileSelector(one, allow_not_found=True) for one in folders]
            found = [info for one in selectors for info in self.filesystem.get_file_info(one)]
        young = time.time_ns() - YOUNG_NANOSECONDS
        there: dict[str, Hashable] = {
            info.path: (info.size, info.mtime_ns if (info.mtime_ns or 0) < young else object())
            for info in found
            if info.type == pafs.FileType.File
        }
        return [there.get(path) for path in paths]

    def explained(self, error: OSError) -> TowpathError:
        """Tell a refusal from a bucket that cannot be reached."""
        reason = first_line(error)
        if is_refusal(error):
            message = f"The lake may not be read or written at s3://{self.root}: {reason}."
            return Denied(message, hint=ALLOWED)
        message = f"The lake at s3://{self.root} does not answer: {reason}."
        return Unavailable(message, hint=NETWORK)


class S3DeltaTableStore(VersionedTables):
    """A TableStore of Delta tables in a bucket.

    Args:
        url: such as ``s3://lake/production``.
        root: not used; the URL is whole.
        db: the catalog that keeps versions, hashes and turns; all who write here must share it.
        clock: tells when a version is committed.
        lease_seconds: how long a writer that gives no sign of life keeps its turn.
    """

    def __init__(
        self,
        url: str,
        root: Path,  # noqa: ARG002  # what every table store is given
        db: Database,
        *,
        clock: Clock | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """Name the bucket; nothing is asked yet."""
        bucket = Bucket(url, os.environ)
        super().__init__(bucket, db, clock=clock or SystemClock(), lease_seconds=lease_seconds)
