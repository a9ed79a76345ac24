"""The published messages of refused changes, `{0}` standing for what gets of the case."""

import json
import re
from pathlib import Path

from oms_ledger.refusal import Refusal

PUBLISHED = json.loads((Path(__file__).parents[1] / "published/change_errors.json").read_text())


def says(refusal: Refusal, published: str) -> bool:
    """Whether a refusal's message is a published one."""
    parts = (re.escape(part) for part in re.split(r"\{\d\}", published))
    return re.fullmatch(".+".join(parts), refusal.message) is not None
