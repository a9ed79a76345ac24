"""Carts: documents beside the ledger, encrypted, kept for a while."""
