"""Monitoring: performance as labels arrive, drift against history, one page to read."""
