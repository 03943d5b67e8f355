"""The versions that answer for an endpoint now, replaced while requests go on."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import msgspec

from towpath.core.errors import Conflict
from towpath.serving.assign import choose
from towpath.serving.bundle import Bundle, load_bundle
from towpath.serving.pointer import Arm, Deployment, pointer_path, read_pointer

if TYPE_CHECKING:
    from pathlib import Path

POLL_SECONDS = 0.2

logger = logging.getLogger(__name__)


class Loaded(msgspec.Struct, frozen=True):
    """All arms of a deployment, loaded and proved.

    Args:
        deployment: which versions.
        bundles: the arms' bundles, in order.
        shares: the arms' shares, in order.
    """

    deployment: Deployment
    bundles: tuple[Bundle, ...]
    shares: tuple[float, ...]

    def place(self, key: bytes) -> int:
        """Return the number of the arm that answers a key, given as JSON."""
        return choose(self.deployment.endpoint, key, self.shares)


class Taken(msgspec.Struct, frozen=True):
    """The features that an endpoint gives to its versions.

    Args:
        schema: dtype by feature, in the order in which values are given.
        definition: version of what they mean; not compared if empty.
    """

    schema: dict[str, str]
    definition: str = ""


def load_deployment(deployment: Deployment, taken: Taken, *, artifacts: Path) -> Loaded:
    """Load and prove every arm before any of them answers.

    Args:
        deployment: which versions.
        taken: the features that they are given.
        artifacts: the project's folder of model files.

    Raises:
        Conflict: a version does not fit the features or fails its golden rows.
        Contract: a version's files are missing or damaged.
    """
    if not deployment.arms:
        message = f"The deployment of endpoint {deployment.endpoint!r} has no arms."
        raise Conflict(message, hint="Promote a model version.")
    bundles = tuple(_fitting(arm, deployment, taken, artifacts) for arm in deployment.arms)
    return Loaded(deployment, bundles, tuple(arm.share for arm in deployment.arms))


def _fitting(arm: Arm, deployment: Deployment, taken: Taken, artifacts: Path) -> Bundle:
    """Load one arm and check that it was trained on the features that are served."""
    bundle = load_bundle(artifacts / arm.bundle, sha256=arm.sha256)
    trained, served = bundle.contract.schema, taken.schema
    same = taken.definition in ("", bundle.contract.feature_set_version)
    if same and list(trained.items()) == list(served.items()):
        return bundle
    changed = sorted(dict(trained.items() ^ served.items())) or ["their definition or order"]
    message = (
        f"Version {arm.version} of model {arm.model!r} takes other features than endpoint "
        f"{deployment.endpoint!r} serves: {', '.join(changed)}."
    )
    raise Conflict(
        message,
        hint="Train one on the new features (towpath run train), or change them back.",
    )


class Live:
    """The present arms of one endpoint, as its pointer file says.

    Args:
        endpoint: name of the endpoint.
        taken: the features that its versions are given.
        state: the project's folder of state.
        artifacts: the project's folder of model files.

    Attributes:
        loaded: the versions that answer; replaced as one step.
        failure: why the newest pointer is not followed, empty if it is.
        swaps: how many times other versions took over.

    Raises:
        NotFound: nothing is deployed.
        Conflict: a version does not fit the endpoint or fails its golden rows.
        Contract: a version's files are missing or damaged.
    """

    def __init__(self, endpoint: str, taken: Taken, *, state: Path, artifacts: Path) -> None:
        """Load what the pointer names."""
        self.endpoint = endpoint
        self.failure = ""
        self.swaps = 0
        self._taken = taken
        self._state = state
        self._artifacts = artifacts
        self._seen = self._stamp()
        self.loaded = self._load()

    def follow(self) -> bool:
        """Load other versions if the pointer moved; tell whether they took over.

        A version that cannot be loaded, or does not answer as it did, is refused: the present
        ones go on, ``failure`` says why, and the next move of the pointer is tried again.
        """
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            self.loaded = self._load()
        except Exception as error:  # the outermost loop of the watching thread
            self.failure = str(error)
            logger.exception("endpoint %s keeps its present versions", self.endpoint)
            return False
        self.failure = ""
        self.swaps += 1
        return True

    def _load(self) -> Loaded:
        """Load what the pointer names."""
        deployment = read_pointer(self._state, self.endpoint)
        return load_deployment(deployment, self._taken, artifacts=self._artifacts)

    def _stamp(self) -> tuple[int, int]:
        """Tell one state of the pointer file from another."""
        try:
            status = pointer_path(self._state, self.endpoint).stat()
        except FileNotFoundError:
            return 0, 0
        return status.st_ino, status.st_mtime_ns


def watch(endpoints: tuple[Live, ...], stopped: threading.Event) -> threading.Thread:
    """Follow the pointers of endpoints in a thread until told to stop."""

    def run() -> None:
        while not stopped.wait(POLL_SECONDS):
            for live in endpoints:
                live.follow()

    thread = threading.Thread(target=run, name="pointer-watch", daemon=True)
    thread.start()
    return thread
