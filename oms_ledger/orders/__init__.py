"""What an order is and what may happen to it: pure, without I/O, clocks or randomness."""
