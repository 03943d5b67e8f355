from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from towpath.cli.main import towpath

EXAMPLE = Path(__file__).parents[2] / "examples" / "nycflights"


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flights project, applied, without data."""
    root = tmp_path_factory.mktemp("example") / "nycflights"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("data", ".towpath"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert CliRunner().invoke(towpath, ["apply"], catch_exceptions=False).exit_code == 0
    return root
