"""How long a test waits before it is taken to hang: longer than any machine needs."""

HANGS = 300.0
"""Seconds. What is waited for comes in a fraction of one; nothing is decided by how soon."""
