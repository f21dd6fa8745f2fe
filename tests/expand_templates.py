"""Expands SAM templates from standard input as CloudFormation does in a region; runs in the SAM CLI's environment."""

import json
import logging
import os
import sys
from types import SimpleNamespace
from typing import Any

from samtranslator.translator.transform import transform

# Managed policies by name, which the templates don't use.
_NO_POLICIES = SimpleNamespace(load=dict)


def expand(template: dict[str, Any]) -> dict[str, Any]:
    """Applies the SAM transform, which accepts only uploaded code."""
    for resource in template["Resources"].values():
        for name in {"CodeUri", "ContentUri", "DefinitionUri"} & resource.get("Properties", {}).keys():
            resource["Properties"][name] = "s3://artifacts/object"
    expanded: dict[str, Any] = transform(template, {}, _NO_POLICIES)
    return expanded


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    os.environ["AWS_DEFAULT_REGION"] = sys.argv[1]
    json.dump({name: expand(template) for name, template in json.load(sys.stdin).items()}, sys.stdout)
