"""The published shapes of a cart and of a simulation."""
