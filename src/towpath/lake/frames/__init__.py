"""Rows of the lake as frames of other libraries, one file for each library."""
