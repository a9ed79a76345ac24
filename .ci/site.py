"""Hooks of the site: decisions are listed as they are, and files outside `docs/` are named."""

import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)\s]*)\)")


def on_config(config: Any) -> Any:
    """Where the list of pages names a folder, list the pages that are in it."""
    docs = Path(config.docs_dir)

    def filled(entry: Any) -> Any:
        if isinstance(entry, dict):
            return {title: filled(value) for title, value in entry.items()}
        if isinstance(entry, list):
            return [filled(one) for one in entry]
        if entry.endswith("/"):
            return [str(page.relative_to(docs)) for page in sorted((docs / entry).glob("*.md"))]
        return entry

    config.nav = filled(config.nav)
    return config


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Replace links that leave the folder of pages by the file's name."""
    depth = page.file.src_uri.count("/")

    def named(found: re.Match[str]) -> str:
        text, target = found.groups()
        up = len(re.match(r"(?:\.\./)*", target)[0]) // 3  # type: ignore[index]
        if up <= depth:
            return found[0]
        path = target[3 * up :]
        return text if text.strip("`") == path else f"{text} (`{path}`)"

    return _LINK.sub(named, markdown)
