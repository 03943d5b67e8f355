"""A model version's files, loaded and proved: the golden rows must come out as they went in."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from towpath.core.plugins import load_plugin
from towpath.registry.bundle import open_bundle
from towpath.registry.golden import read_golden, replay
from towpath.registry.model import ModelVersion
from towpath.serving.predictors import Predictor

if TYPE_CHECKING:
    from pathlib import Path


class Bundle(msgspec.Struct, frozen=True):
    """A version that may answer.

    Args:
        contract: what it takes and decides.
        predictor: what answers.
    """

    contract: ModelVersion
    predictor: Predictor


def load_bundle(folder: Path, *, sha256: str = "") -> Bundle:
    """Load a version, check its files and replay its golden rows.

    Args:
        folder: the bundle.
        sha256: hash of its manifest as registered; not compared if empty.

    Raises:
        Contract: a file is missing or changed.
        Conflict: the version does not answer as it did when it was made.
        NotFound: there is no bundle, or nothing is installed that loads its kind.
    """
    contract = open_bundle(folder, sha256=sha256)
    kind = cast("type[Predictor]", load_plugin("predictors", contract.predictor))
    predictor = kind.load(folder)
    replay(read_golden(folder), predictor.predict_one)
    return Bundle(contract, predictor)
