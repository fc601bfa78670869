"""The document of the HTTP side. Catches: a reference to nothing, an operation twice or without its refusals, a field of
the form that the document forgot. That answers are as documented is checked where answers are made."""
import json
import os
import re

import pytest

from harness.openapi import check, document, fault, operations, resolve
from harness.process import ROOT


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere_and_everything_is_used():
    used = set(references(document()))
    for reference in used:
        assert resolve({"$ref": reference})
    for kind in ("parameters", "headers", "responses", "schemas"):
        for name in document()["components"][kind]:
            spoken_of = name in ("BatchLine", "BatchAnswer", "BoardChange")  # of the lines and events of streams
            assert spoken_of or f"#/components/{kind}/{name}" in used, name


def test_operations_are_whole():
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names)) >= 14
    for path, method, operation in operations():
        assert operation["summary"] and operation["tags"], path
        item = document()["paths"][path]
        given = {resolve(p)["name"] for p in item.get("parameters", []) if resolve(p)["in"] == "path"}
        assert given == set(re.findall(r"\{(\w+)\}", path)), path
        if "requestBody" in operation:
            assert {"404", "415"} & set(operation["responses"]), (path, method)
        for response in operation["responses"].values():
            assert resolve(response)["description"]


def test_the_contract_s_paths_are_all_there():
    paths = {path for path, _, _ in operations()}
    contract = os.path.join(ROOT, "..", "shared", "contract.md")
    if not os.path.exists(contract):
        pytest.skip("../shared/contract.md is not here")
    with open(contract, encoding="utf-8") as file:
        text = file.read()
    for path in re.findall(r"`(?:GET|POST) (/v1/[^`? ]+)", text):
        path = path.replace("summary.{csv,xlsx}", "summary.{format}")
        assert path in paths, path


def test_the_checker_finds_faults():
    """Or every other test of answers would be worth nothing."""
    row = {"rank": 1, "unit": "01", "name": "x", "entered": 1, "counted": 1, "people": 1, "target": None,
           "percent": None}
    schema = {"$ref": "#/components/schemas/Row"}
    check(row, schema)
    for name in row:
        assert fault({key: value for key, value in row.items() if key != name}, schema), name
        assert fault({**row, name: True}, schema), name
    assert fault({**row, "more": 1}, schema)
    assert fault(json.loads('{"campaigns":[{"code":"x"}]}'), {"$ref": "#/components/schemas/Campaigns"})
