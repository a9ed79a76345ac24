"""A sale as the contract describes it, written again without a line of the system.

One step after the other, in memory, with every message between accounts lying in a queue until
somebody delivers it. What it says is compared with what the system did: the answer of each
command, and every side of the sale (`tests/model/selling_model.py`). Read it beside the tables
of the lifecycle; it is meant to be as short as they are.
"""
