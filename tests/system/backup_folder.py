"""What the tests of backups share: a folder with a data directory whose rows are awkward, and ways to ask the program."""

import hashlib
import json
import os
import sqlite3
import tempfile
import unittest

from harness import run

CARNET = ""  # set by the test's main
SECRET = "correct horse battery staple"
AUDIT = "id, tenant_id, at, actor, action, subject, request_id, detail"
# What escapes badly: the separators of the rows' text, what looks like NULL, what looks like bytes, every byte.
NASTY = ["", "\t", "\n", "\\", "\\N", "\\x41", "\\\\.", "a\tb\nc\rd\\e\bf\vg\fh", "é漢🔐\u2028", "'\";--", "\x01\x1f\x7f"]


def count(folder):
    return sorted(os.listdir(folder))


def rows_of(database):
    """Everything in it, read by other people's code."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        names = [n for (n,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        out = {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names}
    connection.close()
    return out


class Folder(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="carnet-backup-")
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.data = self.folder + "/data"
        self.backup = self.folder + "/carnet.backup"
        self.restored = self.folder + "/restored"

    def good(self, *command, **more):
        result = run(CARNET, *command, **more)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def refused(self, *command, words=(), code=1):
        result = run(CARNET, *command)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        self.assertEqual(result.stdout, "")
        for word in words:
            self.assertIn(word, result.stderr)
        return result.stderr

    def make_nasty(self):
        """Texts and bytes that a wrong escape would change, and reals that a wrong number of digits would."""
        with sqlite3.connect(self.data + "/carnet.db") as connection:
            (tenant,) = connection.execute("SELECT id FROM tenants").fetchone()
            for i, text in enumerate(NASTY):
                connection.execute(f"INSERT INTO audit ({AUDIT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                                   (f"aud_{i:026}", tenant, -i, text, text, "", "req", json.dumps(text)))
            connection.execute("INSERT INTO idempotency VALUES (?, 'op', 'k', 'f', 'done', 'o', 200, ?, 9223372036854775807)",
                               (tenant, bytes(range(256)) * 3))
            connection.execute("INSERT INTO idempotency VALUES (?, 'op', 'l', 'f', 'done', 'o', NULL, ?, -9223372036854775808)",
                               (tenant, b""))
            for i, real in enumerate((0.1, 1 / 3, 1e300, 5e-324, -0.0, 100.0, None)):
                connection.execute("INSERT INTO scans (id, tenant_id, status, label, target, profile, sample, request, readiness_score,"
                                   " created_at) VALUES (?, ?, 'success', '', '', 'quick', 0, '{}', ?, 0)",
                                   (f"scan_{i:026}", tenant, real))
        connection.close()

    def make_large(self, rows):
        with sqlite3.connect(self.data + "/carnet.db") as connection:
            connection.executemany(f"INSERT INTO audit ({AUDIT}) VALUES (?, '', ?, 'system', 'test', ?, '', ?)",
                                   ((f"aud_z{i:025}", i, hashlib.sha256(str(i).encode()).hexdigest(), "{}" * 50) for i in range(rows)))
        connection.close()
