"""How much an evaluation may use (contract 04 §5).

Steps, depth and sizes are counted, so they stop the same evaluation at the same place on every
machine and in every replay. They are tight enough that the clock hardly ever comes first; where
it does, in a regular expression that backtracks, whoever judges for a cursor remembers the place
(`projections.subscriptions.filtering`), so that a replay decides alike.
"""

TIME = 0.1
"""Seconds of the evaluating thread; a machine that is merely busy does not use them up."""
DEPTH = 100
STEPS = 20_000
STRING = 256 * 1024
ARRAY = 10_000
SIZE = 1_000_000
PICTURE = 256
NESTING = 1_000
ATTEMPTS = 3
"""How often the clock has to strike before it is believed."""
