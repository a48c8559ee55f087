"""Test plans as files: read them, write one for a URL, and link the data files that they read."""
