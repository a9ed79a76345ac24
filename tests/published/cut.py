"""Cuts published OpenAPI files down to what is checked: `python -m tests.published.cut FOLDER`.

Of each operation stay the request examples and the schemas of its JSON answers; of a schema
stay names, types and what is required. Prose goes. The result is `operations.json`. The
operations of every file are listed in `files.json`.
"""

import json
import sys
from pathlib import Path
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
FILES = ("orders", "orders-pii", "payments", "guides-only", "external-marketplace-orders")
BELOW = {"vtex-do": "/api/do", "affiliates": "/api"}
"""Where the paths of a file begin, when the file does not say so."""
KEPT = {"type", "enum", "required", "properties", "items", "oneOf", "anyOf", "allOf"}


def _operations(folder: Path) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for name in (*FILES, "vtex-do", "checkout"):
        spec = json.loads((folder / f"{name}.json").read_text())
        for path, item in spec["paths"].items():
            if path.startswith("/notes"):
                continue
            for method in METHODS:
                if method in item:
                    key = (method.upper(), BELOW.get(name, "") + path)
                    found.setdefault(key, _operation(spec, key, item[method]))
    return [found[key] for key in sorted(found, key=lambda key: key[::-1])]


def _listed(folder: Path) -> dict[str, list[str]]:
    """By published file all of its operations."""
    return {
        file.stem: [
            f"{method.upper()} {BELOW.get(file.stem, '')}{path}"
            for path, item in json.loads(file.read_text())["paths"].items()
            for method in item
            if method in METHODS
        ]
        for file in sorted(folder.glob("*.json"))
    }


def _operation(
    spec: dict[str, Any], key: tuple[str, str], operation: dict[str, Any]
) -> dict[str, Any]:
    method, path = key
    answers = {}
    for status, answer in operation["responses"].items():
        schema = _json(_resolved(spec, answer).get("content", {})).get("schema")
        answers[status] = None if schema is None else _schema(spec, schema, ())
    requests = _examples(spec, _resolved(spec, operation.get("requestBody", {})))
    return {"method": method, "path": path, "requests": requests, "answers": answers}


def _json(content: dict[str, Any]) -> dict[str, Any]:
    return next((body for kind, body in content.items() if "json" in kind), {})


def _examples(spec: dict[str, Any], request: dict[str, Any]) -> list[Any]:
    body = _json(request.get("content", {}))
    if "example" in body:
        return [body["example"]]
    if "examples" in body:
        return [_resolved(spec, one).get("value") for one in body["examples"].values()]
    schema = _resolved(spec, body.get("schema", {}))
    return [schema["example"]] if "example" in schema else []


def _resolved(spec: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        at: Any = spec
        for step in part["$ref"].removeprefix("#/").split("/"):
            at = at[step.replace("~1", "/").replace("~0", "~")]
        part = at
    return part


def _schema(spec: dict[str, Any], schema: Any, marketplace_order: tuple[str, ...]) -> Any:
    if not isinstance(schema, dict):
        return {}
    if "$ref" in schema:
        if schema["$ref"] in marketplace_order:
            return {}
        marketplace_order = (*marketplace_order, schema["$ref"])
        schema = _resolved(spec, schema)
    out: dict[str, Any] = {k: v for k, v in schema.items() if k in KEPT}
    if isinstance(out.get("required"), bool):
        del out["required"]
    if isinstance(out.get("properties"), dict):
        out["properties"] = {
            k: _schema(spec, v, marketplace_order) for k, v in out["properties"].items()
        }
    if "items" in out:
        out["items"] = _schema(spec, out["items"], marketplace_order)
    for choice in {"oneOf", "anyOf", "allOf"} & out.keys():
        out[choice] = [_schema(spec, one, marketplace_order) for one in out[choice]]
    return _or_null(out) if schema.get("nullable") else out


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    return schema


if __name__ == "__main__":
    lines = [json.dumps(one, ensure_ascii=False) for one in _operations(Path(sys.argv[1]))]
    (Path(__file__).parent / "operations.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
    listed = json.dumps(_listed(Path(sys.argv[1])), indent=1)
    (Path(__file__).parent / "files.json").write_text(listed + "\n")
