"""The table of offers over HTTP, to be looked at."""
