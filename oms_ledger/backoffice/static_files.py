"""Style sheet, scripts and icon: under names that hold their hash, so that a browser keeps them."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

PATH = "/admin/-/static/"
TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file under its hashed name, as it is and in gzip."""

    name: str
    media_type: str
    content: bytes
    compressed: bytes


@cache
def all_files() -> dict[str, StaticFile]:
    """Each file by its plain name."""
    found = {}
    for entry in files("oms_ledger.backoffice").joinpath("static").iterdir():
        stem, _, ending = entry.name.rpartition(".")
        if ending not in TYPES:
            continue
        content = entry.read_bytes()
        name = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{ending}"
        packed = gzip.compress(content, 9, mtime=0)
        found[entry.name] = StaticFile(name, TYPES[ending], content, packed)
    return found


@cache
def by_hashed_name() -> dict[str, StaticFile]:
    """All files, by the name that holds their hash."""
    return {file.name: file for file in all_files().values()}


def url_of(name: str) -> str:
    """The path of a file, with its hash, by its plain name."""
    return PATH + all_files()[name].name
