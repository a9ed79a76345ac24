"""Operators of an account, and the views they share."""
