from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from towpath.core.errors import Conflict, NotFound
from towpath.core.instant import EPOCH
from towpath.registry.model import ModelVersion
from towpath.serving.endpoint import Endpoint
from towpath.serving.pointer import (
    Arm,
    Deployment,
    deployment_of,
    pointer_path,
    read_pointer,
    write_pointer,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_pointer_reads_back(tmp_path: Path) -> None:
    deployment = Deployment("delay", (Arm("champion", 1.0, "late", 3, "late/3", sha256="x"),))
    write_pointer(tmp_path, deployment)
    assert read_pointer(tmp_path, "delay") == deployment


def test_each_arm_gets_the_version_of_its_alias() -> None:
    endpoint = Endpoint("delay", model="late", arms={"champion": 0.9, "challenger": 0.1})
    draft = ModelVersion(
        model="late",
        version=3,
        estimator="baseline",
        feature_set="flight",
        schema={},
        predictor="plan",
        threshold=0.5,
        created_at=EPOCH,
        bundle="late/3",
        bundle_sha256="x",
    )
    found = deployment_of(endpoint, {"challenger": draft.replace(version=4), "champion": draft})
    assert [(arm.alias, arm.share, arm.version) for arm in found.arms] == [
        ("champion", 0.9, 3),
        ("challenger", 0.1, 4),
    ]
    assert (found.arms[0].bundle, found.arms[0].sha256) == ("late/3", "x")


def test_arm_without_a_version_is_named() -> None:
    with pytest.raises(NotFound, match="no version 'champion'"):
        deployment_of(Endpoint("delay", model="late"), {})


def test_missing_pointer_says_how_to_deploy(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="towpath run"):
        read_pointer(tmp_path, "delay")


def test_damaged_pointer_is_named(tmp_path: Path) -> None:
    path = pointer_path(tmp_path, "delay")
    path.parent.mkdir()
    path.write_bytes(b'{"endpoint": "delay"')
    with pytest.raises(Conflict) as caught:
        read_pointer(tmp_path, "delay")
    assert caught.value.where == str(path)
