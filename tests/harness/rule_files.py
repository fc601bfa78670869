"""Rule packs and quota plans against their JSON Schemas, read as an editor with YAML 1.2 reads them."""
import datetime
import json
import os
import re

import jsonschema
import yaml

from .process import ROOT

FOLDER = os.path.join(ROOT, "deploy", "campaigns")


class Yaml12(yaml.SafeLoader):
    """The core schema of YAML 1.2: a date is a text, `yes` too; a key that stands twice is a fault."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len(keys) != len(set(map(str, keys))):
            raise yaml.constructor.ConstructorError(None, None, "a key stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


Yaml12.yaml_implicit_resolvers = {}
for tag, pattern, first in (("bool", r"true|false", "tf"), ("int", r"[-+]?[0-9]+", "-+0123456789"),
                            ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
                            ("null", r"~|null|", ["~", "n", ""])):
    Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))
Yaml12.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))
Yaml12.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(loader.construct_scalar(node)))

FORMATS = jsonschema.FormatChecker()


@FORMATS.checks("date-time", raises=ValueError)
def _is_instant(text):
    return not isinstance(text, str) or bool(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")))


@FORMATS.checks("date", raises=ValueError)
def _is_day(text):
    return not isinstance(text, str) or bool(datetime.date.fromisoformat(text))


def validator(name):
    """Of deploy/campaigns/NAME.schema.json."""
    schemas = {}
    for word in ("rule-pack", "quota-plan"):
        with open(os.path.join(FOLDER, f"{word}.schema.json"), encoding="utf-8") as file:
            schemas[f"{word}.schema.json"] = json.load(file)
    schema = schemas[f"{name}.schema.json"]
    resolver = jsonschema.RefResolver(schema["$id"], schema, store=schemas)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, resolver=resolver, format_checker=FORMATS)


def fault(name, text):
    """What the schema refuses in a file's text; None: nothing."""
    try:
        documents = list(yaml.load_all(text, Loader=Yaml12))
    except (yaml.YAMLError, ValueError) as error:
        return str(error)
    if len(documents) != 1:
        return f"{len(documents)} documents"
    return next((error.message for error in validator(name).iter_errors(documents[0])), None)
