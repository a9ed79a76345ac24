"""Placing purchases: one order per seller, with the keys that they are found by."""
