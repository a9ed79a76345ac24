"""What this process is called where several machines leave their traces side by side.

Containers may share the name of a host and all have the same process id, so a few digits that are
drawn at every start are part of the name.
"""

import os
import secrets
import socket

_drawn: dict[int, str] = {}


def process_name() -> str:
    """Host, process id and drawn digits; the same for as long as the process lives."""
    pid = os.getpid()  # a forked child has a name of its own
    return f"{socket.gethostname()}:{pid}:{_drawn.setdefault(pid, secrets.token_hex(3))}"
