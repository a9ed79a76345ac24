"""Carts between clients, offers and the ledger."""
