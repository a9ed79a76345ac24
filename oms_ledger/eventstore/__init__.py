"""Where entries are recorded: one stream per order, one total order, nothing ever updated."""
