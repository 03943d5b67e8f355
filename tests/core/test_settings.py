from __future__ import annotations

from pathlib import Path

import pytest

from towpath.core.errors import Invalid, NotFound
from towpath.core.settings import find_root, local_path, read_settings


def written(root: Path, text: str) -> Path:
    (root / "towpath.toml").write_text(text)
    return root


def test_environment_overrides_the_file(tmp_path: Path) -> None:
    root = written(tmp_path, 'name = "taxi"\nlake = "file:lake"\n')
    settings = read_settings(root, {"TOWPATH_LAKE": "file:/data/lake"})
    assert local_path(settings.lake, root) == Path("/data/lake")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('name = "taxi"\nlakes = "file:x"', "Did you mean 'lake'?"),
        ('name = "Taxi!"', "'taxi'"),
        ("name = 3", "Settings:"),
        ("name = ", "Mend the file."),
    ],
)
def test_bad_settings_name_the_file_and_the_mend(tmp_path: Path, text: str, part: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_settings(written(tmp_path, text), {})
    assert "towpath.toml" in caught.value.where
    assert part in caught.value.hint


def test_the_project_is_found_from_below(tmp_path: Path) -> None:
    root = written(tmp_path, 'name = "taxi"')
    below = root / "features" / "deep"
    below.mkdir(parents=True)
    assert find_root(below) == root


def test_no_project_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="towpath init"):
        find_root(tmp_path)
