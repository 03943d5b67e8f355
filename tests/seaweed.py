"""A real S3 server for tests: SeaweedFS, from the wheel that brings its program."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.fs as pafs

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "lake"
START_SECONDS = 60.0
KEY, SECRET = "tests", "tests-only"
USER = {
    "name": "tests",
    "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
}
ROLES = ("master", "volume", "filer", "s3")


def weed_program() -> Path | None:
    """Return SeaweedFS's program, or None where its wheel is not installed."""
    found = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    return None if found is None else Path(found)


def environment(url: str) -> dict[str, str]:
    """Return the variables by which the libraries of AWS find the server."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }


def file_system(url: str) -> pafs.S3FileSystem:
    """Open the server as a file system."""
    return pafs.S3FileSystem(
        access_key=KEY,
        secret_key=SECRET,
        endpoint_override=url.partition("://")[2],
        scheme="http",
        region="us-east-1",
        allow_bucket_creation=True,
        allow_bucket_deletion=True,
    )


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Run a server on free ports of this machine, with one empty bucket; yield its URL."""
    program = weed_program()
    assert program is not None
    folder.mkdir(parents=True, exist_ok=True)
    ports = iter(_free_ports(2 * len(ROLES)))
    users = folder / "users.json"
    users.write_text(json.dumps({"identities": [USER]}))
    options = [f"-{role}.{kind}={next(ports)}" for role in ROLES for kind in ("port", "port.grpc")]
    port = next(one.rpartition("=")[2] for one in options if one.startswith("-s3.port="))
    command = [
        str(program),
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=32",
        "-filer",
        f"-filer.localSocket={folder / 'filer.sock'}",
        "-s3",
        "-s3.autoCreateBucket=false",
        # Their ports are the same for every server of this machine.
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={users}",
        *options,
    ]
    log = (folder / "log.txt").open("wb")
    server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        _make_bucket(server, f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()
        log.close()


def _make_bucket(server: subprocess.Popen[bytes], url: str) -> None:
    """Wait until a file can be written."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            files = file_system(url)
            files.create_dir(BUCKET)
            with files.open_output_stream(f"{BUCKET}/ready") as file:
                file.write(b"ready")
            files.delete_file(f"{BUCKET}/ready")
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
