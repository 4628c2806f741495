#!/usr/bin/env python3
"""Checks JSON files against a JSON Schema (draft 2020-12).

usage: validate_report.py SCHEMA FILE...
exit:  0 all valid, 1 one is not (the faults are printed), 2 wrong use

Needs Debian's python3-jsonschema.
"""
import json
import sys

import jsonschema


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    valid = True
    for name in sys.argv[2:]:
        with open(name, encoding="utf-8") as file:
            document = json.load(file)
        for fault in list(validator.iter_errors(document))[:20]:
            valid = False
            print(name, "/".join(str(part) for part in fault.absolute_path), fault.message[:300])
    return 0 if valid else 1


if __name__ == "__main__":
    sys.exit(main())
