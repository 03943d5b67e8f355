"""Java programs for tests: their jars from Maven's repository, downloaded once into ``build``."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import NamedTuple

BUILD = Path(__file__).parents[1] / "build"
JAVA = 17
DOWNLOAD_SECONDS = 900.0
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>towpath.tests</groupId><artifactId>jars</artifactId><version>1</version>
<dependencies><dependency>
<groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>
</dependency></dependencies></project>
"""


class Artifact(NamedTuple):
    """A program and what it needs.

    Args:
        group: who made it.
        name: what it is called.
        version: which one.
    """

    group: str
    name: str
    version: str

    @property
    def jars(self) -> Path:
        """The folder of its jars."""
        return BUILD / self.name / self.version

    def missing(self) -> str:
        """Return why it cannot be started here; empty where it can."""
        java, maven = shutil.which("java"), shutil.which("mvn")
        if java is None:
            return "java is not installed"
        command = [java, "-version"]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stderr
        found = re.search(r'version "(\d+)', told)
        if found is None or int(found[1]) != JAVA:
            return f"java {JAVA} is not installed"
        if (self.jars / "complete").exists():
            return ""
        return self._download(maven) if maven else "mvn is not installed, and there are no jars yet"

    def _download(self, maven: str) -> str:
        """Fetch the jars; return what was wrong."""
        shutil.rmtree(self.jars, ignore_errors=True)
        self.jars.mkdir(parents=True)
        (self.jars / "pom.xml").write_text(POM.format(**self._asdict()))
        command = [maven, "-q", "-B", "-f", str(self.jars / "pom.xml")]
        command += ["dependency:copy-dependencies", "-DincludeScope=runtime"]
        command += [f"-DoutputDirectory={self.jars}"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return f"the jars of {self.name} do not come"
        if done.returncode:
            return f"the jars of {self.name} cannot be had: {done.stdout[-200:]}"
        (self.jars / "complete").touch()
        return ""


def answers(address: tuple[str, int]) -> bool:
    """Tell whether somebody listens at an address."""
    with socket.socket() as client:
        return client.connect_ex(address) == 0


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
