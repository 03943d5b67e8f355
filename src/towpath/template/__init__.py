"""The project that ``towpath init`` writes, as texts with places to fill in."""
