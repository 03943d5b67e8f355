"""Which arm answers a key: by hash, so that a key stays with its arm on every server."""

from __future__ import annotations

import hashlib
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HASH_BYTES = 8
HASH_RANGE = float(1 << 8 * HASH_BYTES)


def position(endpoint: str, key: bytes) -> float:
    """Place a key between 0 and 1, evenly over keys and apart for each endpoint.

    Example:
        >>> 0.0 <= position("delay", b'{"flight_id":"a"}') < 1.0
        True
    """
    digest = hashlib.blake2b(key, digest_size=HASH_BYTES, key=endpoint.encode()[:64])
    return int.from_bytes(digest.digest(), "big") / HASH_RANGE


def choose(endpoint: str, key: bytes, shares: Sequence[float]) -> int:
    """Return the number of the arm that answers a key.

    While the order of the arms stays, growing the last arm moves keys to it and none away.

    Example:
        >>> choose("delay", b"{}", [1.0])
        0
    """
    if len(shares) == 1:
        return 0
    place = position(endpoint, key)
    bounds = accumulate(shares)
    last = max(at for at, share in enumerate(shares) if share > 0.0)
    return min(next((at for at, bound in enumerate(bounds) if place < bound), last), last)
