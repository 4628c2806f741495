#!/usr/bin/env python3
"""Today's program on a data directory that an earlier release left: keys, scans, links and the inventory are as they were, and what
that release could not do works from now on.

    upgrade_test.py CARNET
"""

import json
import pathlib
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

from harness import Service, call, run

CARNET = ""
FIXTURE = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "upgrade-0001.tar.xz"


class Upgrade(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="carnet-upgrade-")
        self.addCleanup(temporary.cleanup)
        with tarfile.open(FIXTURE) as archive:
            archive.extractall(temporary.name)
        self.folder = temporary.name
        self.data = temporary.name + "/data"
        self.expected = json.loads(pathlib.Path(temporary.name, "expected.json").read_text())
        # Links end after 30 days at most, and the fixture grows older than that.
        with sqlite3.connect(self.data + "/carnet.db") as database:
            database.execute("UPDATE shares SET expires_at = ?", (int(time.time() + 3600) * 1000,))
        database.close()

    def check_what_was_there(self, service):
        key = self.expected["keys"]["viewer"]
        for scan in self.expected["scans"]:
            now = call("GET", f"{service.url}/pqc/scan/{scan['scanId']}", key).json()
            for field in ("label", "profile", "createdAt", "finishedAt", "readinessScore", "readinessBand", "mosca"):
                self.assertEqual(now[field], scan[field], field)
            self.assertEqual(len(now["assets"]), scan["assets"])
            report = call("GET", f"{service.url}/pqc/report/{scan['scanId']}?format=csv", key)
            self.assertEqual(report.status, 200, report.body)
        inventory = call("GET", service.url + "/pqc/inventory", key).json()["assets"]
        self.assertEqual(sorted([a["id"], a["host"], a["algorithm"]] for a in inventory), self.expected["inventory"])
        for link in self.expected["links"]:
            page = call("GET", f"{service.url}/r/{link['token']}", headers={"Accept": "application/json"})
            if link["revoked"]:
                self.assertEqual(page.status, 404, page.body)
                self.assertEqual(page.json()["code"], "share_link_revoked")
            else:
                self.assertEqual(page.status, 200, page.body)
                self.assertEqual(page.json()["scan"]["scanId"], link["scanId"])
                self.assertEqual(page.json()["recipient"], link["recipient"])

    def check_what_is_new(self, service):
        key = self.expected["keys"]["operator"]
        scan = call("POST", service.url + "/pqc/scan", key, {"target": "127.0.0.1", "ports": [1], "kinds": ["tls"]}).json()["scanId"]
        call("GET", f"{service.url}/pqc/scan/{scan}/events", key, timeout=60)
        bundle = call("GET", f"{service.url}/pqc/report/{scan}?format=bundle", key)
        self.assertEqual(bundle.status, 200, bundle.body)
        path = pathlib.Path(self.folder, "bundle.zip")
        path.write_bytes(bundle.body)
        keys = pathlib.Path(self.folder, "keys.json")
        keys.write_bytes(call("GET", service.url + "/.well-known/carnet-keys.json").body)
        verified = run(CARNET, "verify", path, "--keys", keys, "--offline")
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        share = call("POST", f"{service.url}/tenant/scans/{scan}/share", key, {"expiresHours": 1, "maxViews": 3})
        self.assertEqual(share.status, 201, share.body)

    def test_serve_migrates_and_goes_on(self):
        with Service(CARNET, self.data) as service:
            self.check_what_was_there(service)
            self.check_what_is_new(service)
            self.assertEqual(service.stop(), 0)
        with Service(CARNET, self.data) as service:
            self.check_what_was_there(service)

    def test_migrate_says_what_it_does(self):
        check = run(CARNET, "migrate", "--check", "--data", self.data)
        self.assertEqual(check.returncode, 1, check.stdout + check.stderr)
        self.assertIn("The schema is at version 1; this program brings", check.stdout)
        self.assertEqual(run(CARNET, "migrate", "--data", self.data).returncode, 0)
        self.assertEqual(run(CARNET, "migrate", "--check", "--data", self.data).returncode, 0)

    def test_a_backup_made_before_the_upgrade_is_restored_after_it(self):
        archive = self.folder + "/old.carnet"
        made = run(CARNET, "backup", archive, "--data", self.data)
        self.assertEqual(made.returncode, 0, made.stderr)
        with sqlite3.connect(self.data + "/carnet.db") as database:
            self.assertEqual(database.execute("PRAGMA user_version").fetchone()[0], 1, "a backup changes nothing")
        database.close()
        restored = self.folder + "/restored"
        back = run(CARNET, "restore", archive, "--data", restored)
        self.assertEqual(back.returncode, 0, back.stderr)
        with Service(CARNET, restored) as service:
            self.check_what_was_there(service)
            self.check_what_is_new(service)

    def test_an_older_program_is_told(self):
        """What an old release says about a newer schema cannot be tried here; this one says it about one newer than itself."""
        self.assertEqual(run(CARNET, "migrate", "--data", self.data).returncode, 0)
        with sqlite3.connect(self.data + "/carnet.db") as database:
            database.execute("PRAGMA user_version = 99")
        database.close()
        for command in (["migrate"], ["backup", self.folder + "/new.carnet"]):
            refused = run(CARNET, *command, "--data", self.data)
            self.assertEqual(refused.returncode, 1, refused.stdout)
            self.assertIn("Its schema is 99", refused.stderr)
        self.assertFalse(pathlib.Path(self.folder, "new.carnet").exists())


if __name__ == "__main__":
    CARNET = sys.argv.pop(1)
    unittest.main(verbosity=2)
