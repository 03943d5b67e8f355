"""Model versions: what was learnt from what, where it lies, and which one is in use."""
