"""The feature server: features by key over HTTP, by typed routes and by Feast's."""
