"""SAM templates on standard input, as CloudFormation gets them in the named region; runs beside the SAM CLI."""

import json
import logging
import os
import sys
from types import SimpleNamespace
from typing import Any

from samtranslator.translator.transform import transform

# The managed policies that AWS's transform knows by name: the templates name none.
_NO_POLICIES = SimpleNamespace(load=dict)


def expand(template: dict[str, Any]) -> dict[str, Any]:
    """The template after the transform, which takes only code that has been uploaded."""
    for resource in template["Resources"].values():
        for name in {"CodeUri", "ContentUri", "DefinitionUri"} & resource.get("Properties", {}).keys():
            resource["Properties"][name] = "s3://artifacts/object"
    expanded: dict[str, Any] = transform(template, {}, _NO_POLICIES)
    return expanded


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    os.environ["AWS_DEFAULT_REGION"] = sys.argv[1]
    json.dump({name: expand(template) for name, template in json.load(sys.stdin).items()}, sys.stdout)
