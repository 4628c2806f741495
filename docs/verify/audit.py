#!/usr/bin/env python3
"""Verifies an exported audit trail of Carnet (NDJSON): the hash chain, and the classical half of its signed head.

    audit.py audit.ndjson carnet-keys.json

Needs the package `cryptography` for Ed25519; everything else is the standard library. That package has no ML-DSA in Debian's versions, so the
head's second signature is NOT checked here, and the last line says so: `carnet audit verify` does it.

carnet-keys.json is the key set that YOU trust, from the service's /.well-known/carnet-keys.json.
"""

import base64
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_der_public_key


def fail(words):
    print(f"ALTERED: {words}", file=sys.stderr)
    sys.exit(2)


def canonical(value):
    """RFC 8785 for what is in here: texts and whole numbers, with names in ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def check_head(line, seq, before, keys):
    head = line["head"]
    if head["seq"] != seq or head["hash"] != (before if seq else ""):
        fail(f"the head names row {head['seq']}, and the chain ends with row {seq}")
    for key in keys:
        if key["algorithm"] != "Ed25519" or key["use"] != "log":
            continue
        if hashlib.sha256(base64.b64decode(key["publicKey"])).hexdigest() != key["keyid"]:
            fail("the key set contradicts itself")
        for signature in line["signatures"]:
            if signature["keyid"] != key["keyid"]:
                continue
            try:
                load_der_public_key(base64.b64decode(key["spki"])).verify(base64.b64decode(signature["signature"]), canonical(head))
                return
            except InvalidSignature:
                fail("the head's signature is not over this head")
    fail("the head is not signed by a key of this key set")


def main():
    keys = json.load(open(sys.argv[2], encoding="utf-8"))["keys"]
    seq, before, head = 0, "0" * 64, None
    with open(sys.argv[1], encoding="utf-8", newline="\n") as file:
        for text in file:
            if head:
                fail("there are lines behind the head")
            row = json.loads(text)
            if "head" in row:
                head = row
                continue
            seq += 1
            stated = row.pop("hash")
            if row["seq"] != seq:
                fail(f"row {seq} is missing")
            if row["prevHash"] != before:
                fail(f"row {seq} does not follow the row before it")
            if hashlib.sha256(canonical(row)).hexdigest() != stated:
                fail(f"row {seq} is not what was sealed")
            before = stated
    if not head:
        fail("the signed head is missing: the file is not whole")
    check_head(head, seq, before, keys)
    print(f"INTACT: {seq} rows; Ed25519 checked, ML-DSA-65 not (carnet audit verify does)")


main()
