"""The Java that Spark runs on."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from towpath.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST = 17
VERSION = re.compile(r'version "(\d+)')
ANSWER_SECONDS = 60


def find_java(environ: Mapping[str, str]) -> Path:
    """Return the ``java`` of ``JAVA_HOME``, or else the one on the path.

    Args:
        environ: the environment's variables.

    Raises:
        Unavailable: there is none, or it is too old for Spark.

    Example:
        >>> from towpath.core.errors import Unavailable
        >>> try:
        ...     find_java({"PATH": "/nowhere"})
        ... except Unavailable as error:
        ...     error.message
        'Spark needs Java 17 or later; there is no java here.'
    """
    home = environ.get("JAVA_HOME", "")
    found = Path(home) / "bin/java" if home else shutil.which("java", path=environ.get("PATH"))
    hint = f"Install a Java runtime of version {OLDEST} or later, and set JAVA_HOME to its folder."
    if found is None or not Path(found).is_file():
        place = f"in JAVA_HOME ({home})" if home else "here"
        message = f"Spark needs Java {OLDEST} or later; there is no java {place}."
        raise Unavailable(message, hint=hint)
    said = subprocess.run(
        [str(found), "-version"],
        capture_output=True,
        text=True,
        check=False,
        timeout=ANSWER_SECONDS,
    )
    version = VERSION.search(said.stderr + said.stdout)
    if version is None or int(version[1]) < OLDEST:
        shown = version[1] if version else "unknown"
        message = f"Spark needs Java {OLDEST} or later; {found} is of version {shown}."
        raise Unavailable(message, hint=hint)
    return Path(found)
