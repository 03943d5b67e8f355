"""The pointer file: which model versions answer for an endpoint at present."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from towpath.core.durable import write_durably
from towpath.core.errors import Conflict, NotFound, did_you_mean
from towpath.core.record import Record, from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from towpath.registry.model import ModelVersion
    from towpath.serving.endpoint import Endpoint


class Arm(Record, frozen=True):
    """One model version and the share of the keys that it answers.

    Args:
        alias: the alias that chose the version, such as ``champion``.
        share: share of the keys, 0 to 1.
        model: name of the model.
        version: number of its version.
        bundle: folder of the version's files, from the project's artifacts folder.
        sha256: hash of the bundle's manifest as registered; not compared if empty.

    Example:
        >>> Arm("champion", 1.0, "delay", 3, "delay/3").version
        3
    """

    alias: str
    share: float
    model: str
    version: int
    bundle: str
    sha256: str = ""


class Deployment(Record, frozen=True):
    """All arms of one endpoint: what a server loads as one step.

    Args:
        endpoint: name of the endpoint.
        arms: the versions that answer, in the order of the endpoint's shares.

    Example:
        >>> Deployment("delay", (Arm("champion", 1.0, "delay", 3, "delay/3"),)).endpoint
        'delay'
    """

    endpoint: str
    arms: tuple[Arm, ...]


def deployment_of(endpoint: Endpoint, versions: Mapping[str, ModelVersion]) -> Deployment:
    """Give each arm of an endpoint the version behind its alias.

    Args:
        endpoint: its arms are deployed in their order.
        versions: versions of the endpoint's model by alias.

    Raises:
        NotFound: an arm's alias has no version.

    Example:
        >>> from towpath.serving.endpoint import Endpoint
        >>> deployment_of(Endpoint("delay", model="late", arms={"champion": 1.0}), {})
        Traceback (most recent call last):
            ...
        towpath.core.errors.NotFound: Model 'late' has no version 'champion'. There is none yet.
    """
    for alias in endpoint.arms:
        if alias not in versions:
            message = f"Model {endpoint.model!r} has no version {alias!r}."
            raise NotFound(message, hint=did_you_mean(alias, versions), model=endpoint.model)
    return Deployment(
        endpoint.name,
        tuple(
            Arm(
                alias,
                share,
                endpoint.model,
                versions[alias].version,
                versions[alias].bundle,
                sha256=versions[alias].bundle_sha256,
            )
            for alias, share in endpoint.arms.items()
        ),
    )


def pointer_path(state: Path, endpoint: str) -> Path:
    """Return where the pointer of an endpoint is kept.

    Example:
        >>> from pathlib import Path
        >>> pointer_path(Path("state"), "delay").as_posix()
        'state/endpoints/delay.json'
    """
    return state / "endpoints" / f"{endpoint}.json"


def write_pointer(state: Path, deployment: Deployment) -> None:
    """Point an endpoint at other versions; a running server follows within a second.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_pointer(Path(folder), Deployment("delay", ()))
        ...     read_pointer(Path(folder), "delay").arms
        ()
    """
    write_durably(pointer_path(state, deployment.endpoint), to_json(deployment))


def read_pointer(state: Path, endpoint: str) -> Deployment:
    """Read which versions answer for an endpoint.

    Raises:
        NotFound: nothing was deployed yet.
        Conflict: the file is not what ``write_pointer`` wrote.
    """
    path = pointer_path(state, endpoint)
    try:
        return from_json(path.read_bytes(), Deployment)
    except FileNotFoundError:
        message = f"Nothing is deployed at endpoint {endpoint!r}."
        hint = "Train and promote a model: towpath run train"
        raise NotFound(message, hint=hint, endpoint=endpoint) from None
    except msgspec.DecodeError as error:
        message = f"The pointer of endpoint {endpoint!r} cannot be read: {error}."
        raise Conflict(message, where=str(path), hint="Promote the model again.") from error
