from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from towpath.core.errors import Invalid
from towpath.project.load import Project

if TYPE_CHECKING:
    from pathlib import Path

WEATHER = """from towpath.features.view import FeatureView, Latest
weather = FeatureView("weather", "weather", ("airport",), (Latest("{column}"),))
"""
FLIGHTS = """from towpath.features.feature_set import FeatureSet
from {module} import weather
flights = FeatureSet("flights", "schedule", "at", views=(weather.on(airport="origin"),))
"""


def write(root: Path, *, column: str = "temp", module: str = "features.weather") -> Project:
    (root / "features").mkdir(parents=True, exist_ok=True)
    (root / "features" / "weather.py").write_text(WEATHER.format(column=column))
    (root / "features" / "flights.py").write_text(FLIGHTS.format(module=module))
    return Project(root)


@pytest.mark.parametrize("module", ["features.weather", ".weather"])
def test_a_view_of_another_file_is_defined_once(tmp_path: Path, module: str) -> None:
    project = write(tmp_path, module=module)
    assert project.feature_sets["flights"].refs[0].keys == {"airport": "origin"}
    assert list(project.views) == ["weather"]


def test_a_definition_belongs_to_the_file_that_writes_it(tmp_path: Path) -> None:
    project = write(tmp_path)
    assert project.views
    assert project.where("feature_view", "weather") == "features/weather.py:2"


def test_two_projects_in_one_process_keep_their_own_files(tmp_path: Path) -> None:
    columns = [
        write(tmp_path / name, column=name).views["weather"].features[0].name
        for name in ("wind", "rain", "wind")
    ]
    assert columns == ["wind", "rain", "wind"]


def test_two_definitions_of_one_name_are_refused(tmp_path: Path) -> None:
    project = write(tmp_path)
    (tmp_path / "features" / "zebra.py").write_text(WEATHER.format(column="wind"))
    with pytest.raises(Invalid, match=r"defined twice, first at features/weather.py:2"):
        _ = project.views


def test_an_error_in_an_imported_file_names_that_file(tmp_path: Path) -> None:
    project = write(tmp_path)
    (tmp_path / "features" / "weather.py").write_text("weather = 1 / 0\n")
    with pytest.raises(Invalid) as error:
        _ = project.views
    assert error.value.where == "features/weather.py:1"
