"""Ctrl-C in a run: the step ends, and the exit code and the next command say so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

INTO_THE_NEXT_STEP = 0.2


def test_a_run_that_is_interrupted_exits_with_130_and_says_how_to_resume(shop: Path) -> None:
    command = [sys.executable, "-m", "towpath", "run", "train"]
    with subprocess.Popen(
        command, cwd=shop, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "training_set" in line)
        time.sleep(INTO_THE_NEXT_STEP)
        os.killpg(process.pid, signal.SIGINT)
        text = process.stderr.read()
    assert process.returncode == 130, text
    assert "towpath run train --resume train_" in text
