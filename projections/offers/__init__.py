"""Offers of accounts: their rows, loaded from files and looked up for a question."""
