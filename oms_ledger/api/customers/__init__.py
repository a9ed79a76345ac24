"""Who ordered: looked up without being told."""
