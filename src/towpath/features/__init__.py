"""Feature views and sets: one definition for training, batch scoring and serving."""
