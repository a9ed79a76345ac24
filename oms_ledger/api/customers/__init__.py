"""Who ordered: looked up without being given."""
