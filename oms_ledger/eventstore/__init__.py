"""Where events are recorded: one stream per order, one total order, nothing ever updated."""
