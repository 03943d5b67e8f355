"""Steps of the path in processes that can be killed, without a Python's start for each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.preloaded import Outcome, Request

from towpath.core.closing import Closing
from towpath.core.record import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRIPT = Path(__file__).with_name("preloaded.py")


class StepProcess(Closing):
    """Runs steps one after the other, each in a child of one preloaded process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(
        self,
        root: Path,
        uses: str,
        params: Mapping[str, object] | None = None,
        *,
        kill_after: float | None = None,
    ) -> Outcome:
        """Run a step; kill its process after some seconds if asked to.

        Raises:
            RuntimeError: it failed of itself.
        """
        outcome = self.attempt(root, uses, params, kill_after=kill_after)
        if outcome.error:
            raise RuntimeError(f"{uses} failed: {outcome.error}")
        return outcome

    def attempt(
        self,
        root: Path,
        uses: str,
        params: Mapping[str, object] | None = None,
        *,
        kill_after: float | None = None,
        kill_at: tuple[str, str] | None = None,
    ) -> Outcome:
        """Run a step that may fail, killed after some seconds or at an event if asked to."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = Request(str(root), uses, dict(params or {}), kill_after, kill_at)
        self._process.stdin.write(to_json(request) + b"\n")
        self._process.stdin.flush()
        return from_json(self._process.stdout.readline(), Outcome)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
