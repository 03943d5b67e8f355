"""Data that keeps its contract: datasets, ingestion and versioned tables."""
