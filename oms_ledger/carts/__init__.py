"""Carts: what a shopper fills before an order is placed; pure, no I/O."""
