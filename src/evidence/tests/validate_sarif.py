#!/usr/bin/python3
"""Checks a SARIF 2.1.0 file from outside. Usage: validate_sarif.py FILE [SCHEMA...]. It is checked against the published
schema, the first that is there, which the npm package @microsoft/jest-sarif has; and against what the schema does not ask but
readers rely on, which is written down here, where also the required members and enumerations are for who has no schema.
Prints `schema` if there was one, and `good`."""

import json
import os
import re
import sys

LEVELS = {"none", "note", "warning", "error"}
KNOWN = {
    "log": ({"version", "runs"}, {"$schema", "inlineExternalProperties", "properties"}),
    "run": ({"tool"}, {"results", "invocations", "automationDetails", "columnKind", "properties", "artifacts", "taxonomies"}),
    "driver": ({"name"}, {"version", "semanticVersion", "informationUri", "rules", "organization", "fullName"}),
    "rule": ({"id"}, {"name", "shortDescription", "fullDescription", "help", "helpUri", "defaultConfiguration", "properties"}),
    "result": (
        {"message"},
        {"ruleId", "ruleIndex", "kind", "level", "locations", "partialFingerprints", "fingerprints", "properties"},
    ),
    "location": (set(), {"id", "physicalLocation", "logicalLocations", "message", "properties"}),
    "logicalLocation": (set(), {"name", "fullyQualifiedName", "kind", "index", "parentIndex", "decoratedName"}),
    "physicalLocation": (set(), {"artifactLocation", "region", "contextRegion", "address"}),
    "invocation": ({"executionSuccessful"}, {"startTimeUtc", "endTimeUtc", "toolExecutionNotifications", "properties"}),
    "notification": ({"message"}, {"level", "descriptor", "locations", "properties"}),
}


def fail(text):
    sys.exit(f"SARIF: {text}")


def check_schema(log, name):
    import jsonschema

    with open(name, encoding="utf-8") as file:
        schema = json.load(file)
    if "Version 2.1.0" not in schema["title"]:
        fail(f"{name} is another schema: {schema['title']}")
    validator = jsonschema.validators.validator_for(schema)(schema, format_checker=jsonschema.FormatChecker())
    for error in validator.iter_errors(log):
        fail(f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")
    print("schema")


def shape(kind, value):
    needed, allowed = KNOWN[kind]
    if not needed <= set(value):
        fail(f"{kind} lacks {needed - set(value)}")
    if not set(value) <= needed | allowed:
        fail(f"{kind} has {set(value) - needed - allowed}")


def message(value):
    if not isinstance(value.get("text"), str):
        fail("a message without text")


def check_result(result, rules):
    shape("result", result)
    message(result["message"])
    if rules[result["ruleIndex"]]["id"] != result["ruleId"]:
        fail("ruleIndex names another rule than ruleId")
    if result["level"] not in LEVELS or result["kind"] != "fail":
        fail("bad level or kind")
    for name, value in result["partialFingerprints"].items():
        if not re.fullmatch(r"[A-Za-z]+/v\d+", name) or not re.fullmatch(r"[0-9a-f]{32}", value):
            fail("bad fingerprint")
    for location in result["locations"]:
        shape("location", location)
        for logical in location["logicalLocations"]:
            shape("logicalLocation", logical)
        physical = location["physicalLocation"]
        shape("physicalLocation", physical)
        uri = physical["artifactLocation"]["uri"]
        if not re.fullmatch(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", uri):
            fail(f"no URI reference: {uri!r}")
        if physical["region"]["startLine"] < 1:
            fail("lines count from 1")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        log = json.load(file)
    published = next(filter(os.path.exists, sys.argv[2:]), None)
    if published:
        check_schema(log, published)
    shape("log", log)
    if log["version"] != "2.1.0" or len(log["runs"]) != 1:
        fail("version or runs")
    run = log["runs"][0]
    shape("run", run)
    shape("driver", run["tool"]["driver"])
    rules = run["tool"]["driver"]["rules"]
    if len({rule["id"] for rule in rules}) != len(rules):
        fail("a rule twice")
    for rule in rules:
        shape("rule", rule)
        for member in ("shortDescription", "fullDescription", "help"):
            message(rule[member])
        if rule["defaultConfiguration"]["level"] not in LEVELS:
            fail("bad default level")
    for result in run["results"]:
        check_result(result, rules)
    prints = [result["partialFingerprints"]["carnetFinding/v1"] for result in run["results"]]
    if len(prints) != len(set(prints)):
        fail("two results with one fingerprint")
    for invocation in run["invocations"]:
        shape("invocation", invocation)
        for notification in invocation["toolExecutionNotifications"]:
            shape("notification", notification)
            message(notification["message"])
    print("good")


main()
