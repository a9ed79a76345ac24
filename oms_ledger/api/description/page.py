"""The API reference as one page without scripts, made of the OpenAPI description.

It loads nothing, from nowhere: its policy allows its own style sheet alone.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

_METHODS = ("get", "put", "post", "patch", "delete")
_HERE = files(__package__)
_STYLE = _HERE.joinpath("page.css").read_text("utf-8")
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
}


def render(description: Mapping[str, Any]) -> bytes:
    """The page of a description."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(_HERE.joinpath("page.html").read_text("utf-8"))
    text = template.render(
        info=description["info"],
        openapi=description["openapi"],
        style=_STYLE,
        tags=list(_tags(description)),
        schemas=list(_schemas(description)),
        types=types,
    )
    return text.encode()


def types(schema: Mapping[str, Any]) -> Markup:
    """What a schema allows, in a few words; a named one is a link."""
    if named := schema.get("$ref"):
        name = escape(named.rpartition("/")[2])
        return Markup('<a href="#schema-{0}">{0}</a>').format(name)
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return Markup(" or ").join(types(one) for one in alternatives)
    kind = schema.get("type", "anything")
    if kind == "array":
        return Markup("array of {}").format(types(schema.get("items", {})))
    if kind == "object" and "properties" in schema:
        parts = (
            Markup("{}: {}").format(name, types(one)) for name, one in schema["properties"].items()
        )
        return Markup("{{{}}}").format(Markup(", ").join(parts))
    if "enum" in schema:
        return Markup(", ").join(escape(json.dumps(one)) for one in schema["enum"])
    return escape(" or ".join(kind) if isinstance(kind, list) else kind)


def _tags(description: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    answers = description["components"].get("responses", {})
    by_tag: dict[str, list[dict[str, Any]]] = {}
    for path, item in description["paths"].items():
        for method in _METHODS:
            if method in item:
                operation = _operation(method, path, item[method], answers)
                by_tag.setdefault(item[method]["tags"][0], []).append(operation)
    for name, operations in by_tag.items():
        yield {
            "name": name,
            "id": "tag-" + name.lower().replace(" ", "-"),
            "operations": operations,
        }


def _operation(
    method: str, path: str, fields: Mapping[str, Any], answers: Mapping[str, Any]
) -> dict[str, Any]:
    ways = [" with ".join(way) or "none" for way in fields.get("security", [])] or ["none"]
    content = fields.get("requestBody", {}).get("content", {})
    return {
        "id": fields["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": fields.get("summary", ""),
        "description": fields.get("description", "").split("\n\n"),
        "security": ", or ".join(ways),
        "parameters": [
            {"description": "", "required": False, "schema": {}, **one}
            for one in fields.get("parameters", [])
        ],
        "bodies": [_body(media, one) for media, one in content.items()],
        "answers": [
            _answer(status, answers[one["$ref"].rpartition("/")[2]] if "$ref" in one else one)
            for status, one in fields["responses"].items()
        ],
    }


def _body(media: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    examples = [one.get("value") for one in fields.get("examples", {}).values()]
    example = fields.get("example", examples[0] if examples else None)
    text = None if example is None else json.dumps(example, indent=2, ensure_ascii=False)
    return {"media": media, "schema": fields.get("schema", {}), "example": text}


def _answer(status: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    content = [
        Markup("<code>{}</code> {}").format(media, types(one.get("schema", {})))
        for media, one in fields.get("content", {}).items()
    ]
    shown = Markup(", ").join(content)
    return {"status": status, "description": fields.get("description", ""), "content": shown}


def _schemas(description: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, schema in sorted(description["components"]["schemas"].items()):
        required = schema.get("required", [])
        properties = [
            {"name": one, "required": one in required, "schema": {"description": "", **part}}
            for one, part in schema.get("properties", {}).items()
        ]
        yield {
            "name": name,
            "description": schema.get("description", ""),
            "properties": properties,
            "schema": schema,
        }
