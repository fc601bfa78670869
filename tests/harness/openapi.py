"""Checks answers against proto/openapi.yaml: what is not documented there is not answered, and the other way round."""
import functools
import os
import re

import yaml

from .process import ROOT

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
METHODS = ("get", "post", "put", "patch", "delete")


@functools.lru_cache(maxsize=None)
def document():
    with open(os.path.join(ROOT, "proto", "openapi.yaml"), encoding="utf-8") as file:
        return yaml.safe_load(file)


def resolve(node):
    while "$ref" in node:
        found = document()
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        node = found
    return node


def operations():
    """(path, method, operation) of every operation."""
    return [(path, method, item[method]) for path, item in document()["paths"].items() for method in METHODS
            if method in item]


def _is_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def _properties(schema):
    """Of the schema and all it is made of."""
    schema = resolve(schema)
    found = dict(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        found.update(_properties(part))
    return found


def _parts(value, schema, where):
    for part in schema.get("allOf", []):
        _check(value, resolve(part), where)
    if "anyOf" in schema and not any(fault(value, part) is None for part in schema["anyOf"]):
        raise AssertionError(f"{where}: {value!r} is none of what it may be")


def _scalar(value, schema, where):
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    assert not types or any(_is_type(value, name) for name in types), f"{where}: {value!r} is no {types}"
    assert "enum" not in schema or value in schema["enum"], f"{where}: {value!r} is not in {schema['enum']}"
    assert "const" not in schema or value == schema["const"], f"{where}: {value!r}"
    if isinstance(value, str):
        assert re.search(schema.get("pattern", ""), value), f"{where}: {value!r}"
        if schema.get("format") == "date-time":
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value), f"{where}: {value!r}"


def _check(value, schema, where):
    _parts(value, schema, where)
    _scalar(value, schema, where)
    if isinstance(value, dict):
        for name in schema.get("required", []):
            assert name in value, f"{where}: {name} is missing"
        for name, part in schema.get("properties", {}).items():
            if name in value:
                check(value[name], part, f"{where}.{name}")
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            check(item, schema["items"], f"{where}[{index}]")


def check(value, schema, where="answer"):
    """AssertionError where `value` is not what the schema says, or holds what it does not say."""
    _check(value, resolve(schema), where)
    known = _properties(schema)
    if isinstance(value, dict) and known:
        assert set(value) <= set(known), f"{where}: not documented: {set(value) - set(known)}"


def fault(value, schema):
    try:
        check(value, schema)
    except AssertionError as error:
        return str(error)
    return None


def check_answer(method, path, status, content_type, value):
    """Against the operation whose path this is; a path that is nobody's may only be refused."""
    path = path.split("?")[0]
    for template, name, operation in operations():
        pattern = re.sub(r"\\\{\w+\\\}", r"[^/]+", re.escape(template))
        if name != method.lower() or not re.fullmatch(pattern, path):
            continue
        assert str(status) in operation["responses"], f"{method} {template}: {status} is not documented"
        content = resolve(operation["responses"][str(status)]).get("content", {})
        assert content_type in content, f"{method} {template}: {status} with {content_type}"
        check(value, content[content_type]["schema"], f"{method} {template} {status}")
        return
    assert status in (404, 405), f"{method} {path}: {status}, and not documented"
