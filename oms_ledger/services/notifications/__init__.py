"""Use cases of Master Data."""
