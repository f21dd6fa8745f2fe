"""Validates a CycloneDX document from standard input with the strict schema; runs in cyclonedx-py's environment."""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

if __name__ == "__main__":
    document = sys.stdin.read()
    version = SchemaVersion.from_version(json.loads(document)["specVersion"])
    if error := JsonStrictValidator(version).validate_str(document):
        sys.exit(str(error))
