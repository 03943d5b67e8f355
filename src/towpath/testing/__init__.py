"""Conformance suites and factories for those who write backends."""
