"""Accounts move between cells."""
