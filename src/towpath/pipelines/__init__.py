"""Pipelines: steps in an order, each run as a process of its own. They know no domain."""
