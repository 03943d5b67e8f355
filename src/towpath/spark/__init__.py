"""Spark: sessions and a cluster of this machine; the only place that configures it."""
