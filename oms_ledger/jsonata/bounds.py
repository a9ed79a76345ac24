"""How much an expression may use, before it is compiled and while it is evaluated.

Steps, depth and sizes are counted, so they stop the same evaluation at the same place on every
machine and in every replay. They are tight enough that the clock hardly ever comes first; where
it does, whoever evaluates for a subscription remembers the place
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

PATTERN = 512
"""Characters of a regular expression."""
GROUPS = 64
REPEATS = 1_000
"""The product of repeats that stand in each other: 20 for `(a{4}){5}`."""
PATTERNS = 64
"""Regular expressions in one expression."""
MEMORY = 256 * 1024
"""Bytes of a compiled regular expression, what it remembers while it searches included."""
SIGNATURE = 64
"""Characters of the signature of a lambda."""
PARENTS = 100
"""Signs `%` in one expression: each is looked for in all that stands before it."""
POINTS = 1_000
"""Points in one expression: the parser looks at all steps of a path for each that it adds."""
CACHE = 64 * 1024 * 1024
"""Bytes of expressions that a process keeps compiled."""
TREE = 1_200
"""Bytes of a syntax tree, for each byte of its text, at most."""

CHILDREN = 4
"""Processes that evaluate at a time what is not plain."""
CHILD_MEMORY = 512 * 1024 * 1024
CHILD_SECONDS = 2
"""Processor seconds of one evaluation, after which the kernel ends its process."""
CHILD_PATIENCE = 60.0
"""Seconds that an answer of a child is waited for, on a machine of any speed."""
