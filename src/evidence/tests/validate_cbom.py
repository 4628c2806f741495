#!/usr/bin/python3
"""Checks a CBOM from outside: against the published CycloneDX schema and by walking its references. Usage: validate_cbom.py
BOM [SCHEMA_FOLDER...]. The schemas are those of the first folder that is there; the npm package @cyclonedx/cyclonedx-library
has them with SNAPSHOT in their names. Prints `schema` or `no schema`, exits 0 if all holds."""

import json
import os
import sys

REFERENCES = {"signatureAlgorithmRef", "subjectPublicKeyRef", "algorithmRef", "ref"}
LISTS = {"algorithms", "cryptoRefArray", "dependsOn", "assemblies"}


def fail(text):
    sys.exit(f"CBOM: {text}")


def check_schema(bom, folder):
    import jsonschema

    def load(name):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return json.load(file)

    names = [name for name in sorted(os.listdir(folder)) if name.endswith(".schema.json")]
    (own,) = [name for name in names if name.startswith(f"bom-{bom['specVersion']}.") and "strict" not in name]
    schema, store = load(own), {}
    for name in names:
        if not name.startswith("bom-"):
            other = load(name)
            store[other.get("$id", name)] = store["http://cyclonedx.org/schema/" + name] = other
    resolver = jsonschema.RefResolver(schema["$id"], schema, store=store)
    validator = jsonschema.Draft7Validator(schema, resolver=resolver, format_checker=jsonschema.FormatChecker())
    for error in validator.iter_errors(bom):
        fail(f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")


def walk(value, found):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in REFERENCES and isinstance(inner, str):
                found.append(inner)
            elif key in LISTS and inner and isinstance(inner[0], str):
                found.extend(inner)
            else:
                walk(inner, found)
    elif isinstance(value, list):
        for inner in value:
            walk(inner, found)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        bom = json.load(file)
    schema = next(filter(os.path.isdir, sys.argv[2:]), None)
    if schema:
        check_schema(bom, schema)
    refs = [bom["metadata"]["component"]["bom-ref"]]
    refs += [entry["bom-ref"] for entry in bom["components"] + bom["services"]]
    if len(refs) != len(set(refs)):
        fail("a bom-ref is there twice")
    used = []
    walk(bom, used)
    for reference in used:
        if reference not in refs:
            fail(f"{reference} leads nowhere")
    nodes = {entry["ref"] for entry in bom["dependencies"]}
    if nodes != set(refs):
        fail("the dependency graph does not name every component once")
    reached, todo = set(), [refs[0]]
    graph = {entry["ref"]: entry.get("dependsOn", []) for entry in bom["dependencies"]}
    while todo:
        at = todo.pop()
        if at not in reached:
            reached.add(at)
            todo += graph[at]
    for service in bom["services"]:
        if service["bom-ref"] not in reached:
            fail("a service hangs in the air")
    print("schema" if schema else "no schema")


main()
