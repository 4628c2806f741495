#!/usr/bin/env python3
"""Backups that were damaged, in every part and in every way: `carnet restore` refuses each with a sentence and makes nothing.

    backup_damage_test.py CARNET [unittest arguments]
"""

import gzip
import hashlib
import io
import json
import os
import pathlib
import random
import sys
import tarfile
import unittest
import zlib

import backup_folder
from backup_folder import SECRET, Folder, count
from harness import init

CARNET = ""


def unpacked(data):
    """What gzip makes of it; None if it is damaged."""
    try:
        return gzip.decompress(bytes(data))
    except (OSError, EOFError, zlib.error):
        return None


class Damaged(Folder):
    def setUp(self):
        super().setUp()
        init(CARNET, self.data)
        self.make_nasty()
        self.good("backup", self.backup, "--data", self.data)
        with tarfile.open(self.backup, "r:gz") as archive:
            self.parts = [(m.name, archive.extractfile(m).read()) for m in archive]

    def rebuilt(self, parts):
        path = self.folder + "/damaged"
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, data in parts:
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        pathlib.Path(path).write_bytes(gzip.compress(buffer.getvalue()))
        return path

    def refuses(self, path, *words):
        said = self.refused("restore", path, "--data", self.restored, words=words)
        self.assertFalse(os.path.exists(self.restored), said)
        self.assertEqual([n for n in count(self.folder) if "restore" in n], [])
        return said

    def test_the_rebuilt_one_is_good(self):
        self.good("restore", self.rebuilt(self.parts), "--data", self.restored)

    def test_every_part_altered_missing_or_twice(self):
        for i, (name, data) in enumerate(self.parts):
            altered = bytearray(data)
            altered[len(data) // 2] ^= 1
            for changed in ([(name, bytes(altered))], [(name, data + b"x")], [], [(name, data)] * 2):
                with self.subTest(part=name, changed=len(changed)):
                    said = self.refuses(self.rebuilt(self.parts[:i] + changed + self.parts[i + 1:]))
                    if name.startswith(("data/", "database/")) and len(changed) == 1:
                        self.assertIn(f"the part {name} is not what its manifest says", said)

    def test_parts_that_do_not_belong(self):
        for name in ("data/../../evil", "/etc/evil", "database/none.000001.copy", "note"):
            self.refuses(self.rebuilt(self.parts[:2] + [(name, b"x")] + self.parts[2:]), "is not what its manifest says")

    def consistent(self, change):
        """With a manifest that says the same as the parts."""
        parts = dict(self.parts)
        manifest = json.loads(parts["manifest.json"])
        change(parts, manifest)
        manifest["parts"] = [{"name": n, "size": len(d), "sha256": hashlib.sha256(d).hexdigest()} for n, d in parts.items()
                             if not n.startswith("manifest.")]
        text = json.dumps(manifest).encode()
        del parts["manifest.json"], parts["manifest.sha256"]
        parts["manifest.json"] = text
        parts["manifest.sha256"] = (hashlib.sha256(text).hexdigest() + "  manifest.json\n").encode()
        return self.rebuilt(parts.items())

    def test_newer_ones_and_foreign_ones(self):
        def newer(member, value):
            def change(parts, manifest):
                manifest[member] = value
                head = json.loads(parts["carnet-backup.json"])
                head[member] = value
                parts["carnet-backup.json"] = json.dumps(head).encode()
            return change
        self.refuses(self.consistent(newer("version", 2)), "It has the format 2, and this program knows 1 only")
        self.refuses(self.consistent(newer("schema", 9999)), "Its schema is 9999")
        self.refuses(self.consistent(newer("format", "other")), "It is not a backup of Carnet")

    def test_rows_that_the_schema_does_not_take(self):
        def orphan(parts, _):
            name = "database/api_keys.000001.copy"
            parts[name] = parts[name].replace(b"\tten_", b"\ttex_")
        self.refuses(self.consistent(orphan), "refers to rows that are not in it")

        def table(name, old, new):
            def change(parts, _):
                part = f"database/{name}.000001.copy"
                self.assertIn(old, parts[part])
                parts[part] = parts[part].replace(old, new, 1)
            return change
        self.refuses(self.consistent(table("api_keys", b"\tadmin\t", b"\tgod\t")), "table api_keys")
        self.refuses(self.consistent(table("api_keys", b"\\\\x", b"\\\\y")), "wrong type")
        self.refuses(self.consistent(table("audit", b"\t", b"")), "fields")
        self.refuses(self.consistent(table("audit", b"\\t", b"\\q")), "escape")

        def fewer(parts, manifest):
            manifest["tables"][0]["rows"] += 1
        self.refuses(self.consistent(fewer), "rows and ought to have")

        def unknown(parts, manifest):
            manifest["tables"][0]["columns"][0] = "nothing"
        self.refuses(self.consistent(unknown), "that its schema does not have")

        def evil(parts, _):
            parts["data/authorized_keys"] = b"x"
        self.refuses(self.consistent(evil), "does not belong there")

    def test_cut_off_garbage_and_other_files(self):
        whole = pathlib.Path(self.backup).read_bytes()
        path = pathlib.Path(self.folder, "damaged")
        dice = random.Random(7)
        for length in [0, 1, 10, len(whole) - 1] + [dice.randrange(len(whole)) for _ in range(20)]:
            path.write_bytes(whole[:length])
            self.refuses(path)
        for more in (b"x", b"\0" * 600, whole):
            path.write_bytes(whole + more)
            self.refuses(path, "something stands behind its end")
        for other in (b"", b"x" * 5000, gzip.compress(b"x" * 5000), b"carnet-sealed 1\n{}\n", b"carnet-sealed 1\n" + b"x" * 5000):
            path.write_bytes(other)
            self.refuses(path)
        for _ in range(60):
            altered = bytearray(whole)
            altered[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
            # Some bits of gzip say nothing: its time and system, codes that are not used, what fills the last byte.
            if unpacked(altered) != unpacked(whole):
                path.write_bytes(altered)
                self.refuses(path)

    def test_sealed_and_changed(self):
        seal = pathlib.Path(self.folder, "seal")
        seal.write_text(SECRET)
        os.unlink(self.backup)
        self.make_large(60000)
        self.good("backup", self.backup, "--data", self.data, "--seal-file", seal)
        whole = pathlib.Path(self.backup).read_bytes()
        head = whole.index(b"\n", whole.index(b"\n") + 1) + 1
        frames, at = [], head
        while at < len(whole):
            size = int.from_bytes(whole[at:at + 4], "big")
            frames.append(whole[at:at + 4 + size])
            at += 4 + size
        self.assertGreaterEqual(len(frames), 2)
        path = pathlib.Path(self.folder, "damaged")

        def refuses(data):
            path.write_bytes(data)
            said = self.refused("restore", path, "--data", self.restored, "--seal-file", seal)
            self.assertFalse(os.path.exists(self.restored), said)
        start = whole[:head]
        refuses(start + b"".join(frames[:-1]))                            # the end cut off at a frame
        refuses(start + b"".join(frames[1:]))                             # the beginning left out
        refuses(start + b"".join([frames[1], frames[0], *frames[2:]]))    # moved
        refuses(start + b"".join([frames[0], *frames]))                   # twice
        refuses(whole + frames[-1])
        refuses(start.replace(b'"passes":3', b'"passes":2') + b"".join(frames))
        refuses(start.replace(b'"memoryKiB":65536', b'"memoryKiB":99999999999') + b"".join(frames))
        dice = random.Random(11)
        for _ in range(10):
            altered = bytearray(whole)
            altered[dice.randrange(head, len(whole))] ^= 1 << dice.randrange(8)
            refuses(bytes(altered))
        self.good("restore", self.backup, "--data", self.restored, "--seal-file", seal)


if __name__ == "__main__":
    backup_folder.CARNET = CARNET = sys.argv.pop(1)
    unittest.main(verbosity=2)
