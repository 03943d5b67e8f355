"""Towpath: one path for a model, from data to features, training, endpoint and monitor."""
