"""Sample orders, in the place-order shape, one a line."""
