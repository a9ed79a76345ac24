"""Documents of Master Data: schemas, conditions, indices and triggers, without I/O."""
