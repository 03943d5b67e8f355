"""Contracts as documents of the Open Data Contract Standard v3, both ways."""

from __future__ import annotations

from towpath.lake.odcs.contract import from_odcs, to_odcs

__all__ = ["from_odcs", "to_odcs"]
