"""What a user owns in git: definitions in files, read, checked, planned and applied."""
