#!/usr/bin/env python3
"""Verifies the classical half of a Carnet passport, its files, and its place in the transparency log, with Python.

    passport.py passport.json carnet-keys.json [FOLDER [passport.tlog-proof]]

Needs the package `cryptography` for Ed25519; everything else is the standard library. That package has no ML-DSA in Debian's versions, so the
second signature is NOT checked here, and the last line says so: passport.mjs does it. A passport counts only if both hold.

carnet-keys.json is the key set that YOU trust, from the issuer's /.well-known/carnet-keys.json; not the one of a bundle.
"""

import base64
import datetime
import hashlib
import json
import os
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_der_public_key


def fail(words):
    print(f"NOT GENUINE: {words}", file=sys.stderr)
    sys.exit(2)


def time_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def trusted_keys(keys, use):
    for key in keys:
        if key["algorithm"] != "Ed25519" or key["use"] != use:
            continue
        raw, spki = base64.b64decode(key["publicKey"]), base64.b64decode(key["spki"])
        if hashlib.sha256(raw).hexdigest() != key["keyid"] or not spki.endswith(raw):
            fail(f"the key set contradicts itself about {key['keyid']}")
        yield key, raw, load_der_public_key(spki)


def holds(public_key, signature, message):
    try:
        public_key.verify(signature, message)
        return True
    except InvalidSignature:
        return False


def check_signature(envelope, payload, predicate, keys):
    kind = envelope["payloadType"].encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    for key, _, public_key in trusted_keys(keys, "passport"):
        for signature in envelope["signatures"]:
            if signature["keyid"] != key["keyid"] or not holds(public_key, base64.b64decode(signature["sig"]), signed):
                continue
            issued = predicate["issuedAt"]
            if time_of(issued) < time_of(key["notBefore"]) or (key["notAfter"] and time_of(issued) > time_of(key["notAfter"])):
                fail(f"the key {key['keyid']} was not valid at {issued}")
            return print("ok  Ed25519 signature")
    fail("there is no Ed25519 signature by a trusted key that holds")


def check_files(statement, folder):
    for subject in statement["subject"]:
        with open(os.path.join(folder, os.path.basename(subject["name"])), "rb") as file:
            found = hashlib.sha256(file.read()).hexdigest()
        if found != subject["digest"]["sha256"]:
            fail(f"{subject['name']} was altered: {found}")
        print(f"ok  {subject['name']}")


def root_of(index, size, leaf, path):
    """The root that an inclusion proof leads to: RFC 9162 section 2.1.3.2."""
    node, last = index, size - 1
    result = leaf
    for sibling in path:
        if last == 0:
            fail("the log proof is too long")
        if node & 1 or node == last:
            result = hashlib.sha256(b"\x01" + sibling + result).digest()
            while not node & 1 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            result = hashlib.sha256(b"\x01" + result + sibling).digest()
        node, last = node >> 1, last >> 1
    if last != 0:
        fail("the log proof is too short")
    return result


def check_log(envelope_bytes, proof_text, keys, origin):
    """C2SP tlog-proof: header, index, hashes, an empty line, and the checkpoint as a signed note."""
    head, checkpoint = proof_text.split("\n\n", 1)
    lines = head.split("\n")
    if lines[0] != "c2sp.org/tlog-proof@v1" or not lines[1].startswith("index "):
        fail("this is no log proof")
    path = [base64.b64decode(line) for line in lines[2:]]
    text, signatures = checkpoint.split("\n\n", 1)
    text += "\n"
    named, size, root = text.split("\n")[:3]
    if named != origin:
        fail(f"the proof is of the log {named}, and the passport names {origin}")
    # An entry of the log is the SHA-256 of the envelope's bytes; a leaf is hashed behind a zero byte.
    leaf = hashlib.sha256(b"\x00" + hashlib.sha256(envelope_bytes).digest()).digest()
    if root_of(int(lines[1][6:]), int(size), leaf, path) != base64.b64decode(root):
        fail("the log proof is for another tree or another passport")
    print(f"ok  entry {lines[1][6:]} of the log {named} of {size} entries")
    for _, raw, public_key in trusted_keys(keys, "log"):
        # The id of a key in a signed note: SHA-256(name, newline, 0x01 for Ed25519, key), four bytes.
        key_id = hashlib.sha256(named.encode() + b"\n\x01" + raw).digest()[:4]
        for line in signatures.splitlines():
            _, name, blob = line.split(" ")
            blob = base64.b64decode(blob)
            if name == named and blob[:4] == key_id and holds(public_key, blob[4:], text.encode()):
                return print("ok  Ed25519 signature of the log's checkpoint")
    fail("no trusted key of the log signed the checkpoint")


def main(passport_file, keys_file, folder=None, proof_file=None):
    with open(passport_file, "rb") as file:
        envelope_bytes = file.read()
    with open(keys_file, encoding="utf-8") as file:
        keys = json.load(file)["keys"]
    envelope = json.loads(envelope_bytes)
    payload = base64.b64decode(envelope["payload"])
    statement = json.loads(payload)
    predicate = statement["predicate"]
    check_signature(envelope, payload, predicate, keys)
    if folder:
        check_files(statement, folder)
    if proof_file:
        with open(proof_file, encoding="utf-8") as file:
            check_log(envelope_bytes, file.read(), keys, predicate["log"]["origin"])
    print("not checked here: the ML-DSA-65 signature; use passport.mjs")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        sys.exit(3)
    main(*sys.argv[1:])
