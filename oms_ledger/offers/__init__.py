"""What is on offer: prices, availability, deliveries, payment conditions; pure, no I/O."""
