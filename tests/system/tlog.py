"""A reader of transparency logs that shares no code with Carnet: RFC 9162's tree and proofs, C2SP's signed notes, tiles and cosignatures."""

import base64
import hashlib
import urllib.request

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def tree_root(leaves):
    """Row by row: a hash without a neighbour moves up as it is, which is RFC 9162's tree."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    row = list(leaves)
    while len(row) > 1:
        row = [node_hash(*row[i:i + 2]) if i + 1 < len(row) else row[i] for i in range(0, len(row), 2)]
    return row[0]


def split_point(count):
    return 1 << ((count - 1).bit_length() - 1)


def root_from_inclusion(index, size, leaf, path):
    """By the recursion of RFC 6962 section 2.1.1; path from the leaf upwards."""
    if size == 1:
        if path:
            raise ValueError("the path is too long")
        return leaf
    if not path:
        raise ValueError("the path is too short")
    k = split_point(size)
    if index < k:
        return node_hash(root_from_inclusion(index, k, leaf, path[:-1]), path[-1])
    return node_hash(path[-1], root_from_inclusion(index - k, size - k, leaf, path[:-1]))


def roots_from_consistency(old, size, old_root, path, whole=True):
    """(root of the old tree, root of the new one) that the path leads to; RFC 6962 section 2.1.2."""
    if old == size:
        if whole:
            if path:
                raise ValueError("the path is too long")
            return old_root, old_root
        if len(path) != 1:
            raise ValueError("the path has another length")
        return path[0], path[0]
    if not path:
        raise ValueError("the path is too short")
    k = split_point(size)
    if old <= k:
        first, second = roots_from_consistency(old, k, old_root, path[:-1], whole)
        return first, node_hash(second, path[-1])
    first, second = roots_from_consistency(old - k, size - k, old_root, path[:-1], False)
    return node_hash(path[-1], first), node_hash(path[-1], second)


def is_consistent(old, old_root, size, root, path):
    if old == 0:
        return not path
    try:
        return roots_from_consistency(old, size, old_root, path) == (old_root, root)
    except ValueError:
        return False


def key_id(name, kind, public):
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def vkey(name, kind, public):
    return f"{name}+{key_id(name, kind, public).hex()}+{base64.b64encode(kind + public).decode()}"


class Note:
    def __init__(self, text):
        body, self.lines_text = text.rsplit("\n\n", 1)
        self.text = body + "\n"
        self.lines = []
        for line in self.lines_text.splitlines():
            dash, name, signature = line.split(" ")
            assert dash == "\u2014", line
            raw = base64.b64decode(signature, validate=True)
            self.lines.append((name, raw[:4], raw[4:]))
        self.origin, size, root = self.text.splitlines()
        self.size, self.root = int(size), base64.b64decode(root, validate=True)

    def verify(self, key):
        """The Ed25519 signature of the log with this verifier key."""
        name, given_id, material = key.split("+", 2)
        raw = base64.b64decode(material)
        assert raw[:1] == b"\1" and key_id(name, raw[:1], raw[1:]).hex() == given_id, key
        signatures = [s for n, i, s in self.lines if n == name and i.hex() == given_id]
        assert len(signatures) == 1, self.lines_text
        Ed25519PublicKey.from_public_bytes(raw[1:]).verify(signatures[0], self.text.encode())


class Witness:
    """Cosigns what it is given (cosignature/v1). A real one checks consistency first: the tests are to do that where they need it."""

    def __init__(self, name):
        self.name, self.key = name, Ed25519PrivateKey.generate()
        self.public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def vkey(self, kind=b"\4"):
        return vkey(self.name, kind, self.public)

    def line(self, text, at):
        signature = self.key.sign(f"cosignature/v1\ntime {at}\n".encode() + text.encode())
        raw = key_id(self.name, b"\4", self.public) + at.to_bytes(8, "big") + signature
        return f"\u2014 {self.name} {base64.b64encode(raw).decode()}\n"

    def signed(self, note, at):
        """True if the note has this witness's line for that time."""
        for name, given_id, signature in note.lines:
            if name == self.name and given_id == key_id(self.name, b"\4", self.public):
                if int.from_bytes(signature[:8], "big") != at:
                    continue
                try:
                    self.key.public_key().verify(signature[8:], f"cosignature/v1\ntime {at}\n".encode() + note.text.encode())
                    return True
                except InvalidSignature:
                    return False
        return False


def index_path(index):
    parts = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        parts.insert(0, f"x{index % 1000:03}")
    return "/".join(parts)


def fetch(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def tiles_of(size):
    """(level, index, width) of every tile of a tree."""
    level, count = 0, size
    while count:
        for index in range((count + 255) // 256):
            yield level, index, min(256, count - index * 256)
        level, count = level + 1, count // 256


def read_entries(base, size):
    entries = []
    for _, index, width in (t for t in tiles_of(size) if t[0] == 0):
        bundle = fetch(f"{base}/log/tile/entries/{index_path(index)}" + (f".p/{width}" if width < 256 else ""))
        for _ in range(width):
            length = int.from_bytes(bundle[:2], "big")
            entries.append(bundle[2:2 + length])
            bundle = bundle[2 + length:]
        assert not bundle
    return entries


def check_tiles(base, leaves):
    """Every tile of hashes holds what the leaves give."""
    rows = [list(leaves)]
    while len(rows[-1]) >= 256:
        full = len(rows[-1]) // 256
        rows.append([tree_root(rows[-1][i * 256:(i + 1) * 256]) for i in range(full)])
    count = 0
    for level, index, width in tiles_of(len(leaves)):
        got = fetch(f"{base}/log/tile/{level}/{index_path(index)}" + (f".p/{width}" if width < 256 else ""))
        assert got == b"".join(rows[level][index * 256:index * 256 + width]), (level, index, width)
        count += 1
    return count
