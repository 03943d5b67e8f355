from __future__ import annotations

from tests.catalog.conftest import postgres_url

__all__ = ["postgres_url"]
