#!/usr/bin/env python3
"""`carnet backup` and `carnet restore` with the real program: under load, sealed, damaged in every part, killed, on a full disk.

    backup_test.py CARNET [unittest arguments]
"""

import hashlib
import json
import os
import pathlib
import random
import re
import sqlite3
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest

import tlog
import backup_folder
import pg_cluster
from backup_folder import AUDIT, NASTY, SECRET, Folder, count, rows_of
from harness import Service, call, init, wait_until

CARNET = ""
SAMPLE = {"scenarioId": "bank-tls-inventory", "useFixture": True}
FLAGS = ("--rate-limit", "1000000", "--public-rate-limit", "0", "--transparency-rate-limit", "0", "--log-level", "error")


class Writers:
    """Clients that scan and share until told to stop, and know what was answered."""

    def __init__(self, url, key):
        self.url, self.key = url, key
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.links, self.scans, self.errors = [], [], []
        self.threads = [threading.Thread(target=self.work) for _ in range(3)]

    def work(self):
        try:
            while not self.stop.is_set():
                answer = call("POST", f"{self.url}/pqc/scan", self.key, SAMPLE)
                assert answer.status == 202, answer.body
                scan = answer.json()["scanId"]
                call("GET", f"{self.url}/pqc/scan/{scan}/events", self.key, timeout=60)
                shared = call("POST", f"{self.url}/tenant/scans/{scan}/share", self.key, {"expiresHours": 24, "scope": "bundle"})
                assert shared.status == 201, shared.body
                with self.lock:
                    self.scans.append(scan)
                    self.links.append(shared.json()["token"])
        except Exception as failure:  # noqa: BLE001 told by the test
            self.errors.append(repr(failure))

    def answered(self):
        with self.lock:
            return list(self.links), list(self.scans)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


class WhileTheServiceRuns(Folder):
    def test_writers_go_on_and_what_was_answered_before_is_in_it(self):
        keys = init(CARNET, self.data)
        self.back_up_under_load(keys, [], [])

    def back_up_under_load(self, keys, database, restored_database):
        """`…database`: flags that say where the rows are, of the service and of what is restored."""
        with Service(CARNET, self.data, *database, *FLAGS) as service, Writers(service.url, keys["operator"]) as writers:
            wait_until(lambda: len(writers.answered()[0]) >= 4 or writers.errors, 60, "links")
            (links, scans), note = writers.answered(), tlog.Note(call("GET", service.url + "/log/checkpoint").body.decode())
            self.good("backup", self.backup, "--data", self.data, *database)
            until = len(writers.answered()[0]) + 3
            wait_until(lambda: len(writers.answered()[0]) >= until or writers.errors, 60, "links after the backup")
            writers.stop.set()
            for thread in writers.threads:
                thread.join()
            self.assertEqual(writers.errors, [])
            later = tlog.Note(call("GET", service.url + "/log/checkpoint").body.decode())
            published = call("GET", service.url + "/.well-known/carnet-keys.json").body
            self.assertEqual(service.stop(), 0)
        self.good("restore", self.backup, "--data", self.restored, *restored_database)
        with Service(CARNET, self.restored, *restored_database, *FLAGS) as service:
            for link in links:
                page = call("GET", f"{service.url}/r/{link}", headers={"Accept": "application/json"})
                self.assertEqual(page.status, 200, page.body)
            self.assertEqual(call("GET", service.url + "/.well-known/carnet-keys.json").body, published)
            trusted = pathlib.Path(self.folder, "keys.json")
            trusted.write_bytes(published)
            for scan in scans:
                bundle = call("GET", f"{service.url}/pqc/report/{scan}?format=bundle", keys["viewer"])
                self.assertEqual(bundle.status, 200, bundle.body)
                path = pathlib.Path(self.folder, "bundle.zip")
                path.write_bytes(bundle.body)
                self.good("verify", path, "--keys", trusted, "--offline")
            self.check_log(service, note, later, links, keys["operator"])

    def check_log(self, service, before, after, links, key):
        """The restored log is one tree that begins with what was published before the backup, is a beginning of what was published
        after it, and grows on."""
        now = tlog.Note(call("GET", service.url + "/log/checkpoint").body.decode())
        self.assertGreaterEqual(now.size, before.size)
        self.assertLessEqual(now.size, after.size)
        leaves = [tlog.leaf_hash(entry) for entry in tlog.read_entries(service.url, now.size)]
        self.assertEqual(tlog.tree_root(leaves), now.root)
        self.assertEqual(tlog.tree_root(leaves[:before.size]), before.root)
        tlog.check_tiles(service.url, leaves)
        scan = call("POST", service.url + "/pqc/scan", key, SAMPLE).json()["scanId"]
        call("GET", f"{service.url}/pqc/scan/{scan}/events", key, timeout=60)
        grown = wait_until(lambda: (n := tlog.Note(call("GET", service.url + "/log/checkpoint").body.decode())).size > now.size and n,
                           30, "the log to grow")
        proof = call("GET", f"{service.url}/pqc/transparency/consistency?from_size={now.size}&to_size={grown.size}").json()
        self.assertTrue(tlog.is_consistent(now.size, now.root, grown.size, grown.root, [bytes.fromhex(h) for h in proof["path"]]))


class Postgresql(WhileTheServiceRuns):
    """The same from, to and between PostgreSQL databases, and from and to SQLite: the way to move."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = pg_cluster.Cluster()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.stop()

    def database(self):
        self.name = self.cluster.create_database()
        return ["--database", self.cluster.url(self.name)]

    def has_no_rows(self, name):
        """As the superuser, whom no policy binds."""
        tables = self.cluster.sql(name, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
                                  "AND relname <> 'carnet_schema'").split()
        return all(self.cluster.sql(name, f"SELECT count(*) FROM {table}") == "0" for table in tables)

    def test_writers_go_on_and_what_was_answered_before_is_in_it(self):
        here, there = self.database(), self.database()
        made = self.good("init", "--data", self.data, *here)
        keys = dict(re.findall(r"(admin|operator|viewer)\s+(cnt_k_\w+)", made))
        self.back_up_under_load(keys, here, there)

    def test_from_sqlite_and_back_every_row_is_the_same(self):
        init(CARNET, self.data)
        self.make_nasty()
        self.good("backup", self.backup, "--data", self.data)
        database = self.database()
        said = self.good("restore", self.backup, "--data", self.folder + "/on-pg", *database)
        self.assertTrue(said.endswith("/on-pg --database postgresql://…\n"), said)
        self.assertFalse(os.path.exists(self.folder + "/on-pg/carnet.db"))
        # The policies are what they were: bound to nothing, the owner sees nothing.
        self.assertEqual(self.cluster.sql(self.name, "SELECT count(*) FROM audit", user="carnet"), "0")
        self.assertEqual(self.cluster.sql(self.name, "SELECT count(*) FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity"), "0")
        second = self.folder + "/second"
        self.good("backup", second, "--data", self.folder + "/on-pg", *database)
        self.assertTrue(self.good("restore", second, "--data", self.restored).endswith(f"--data {self.restored}\n"))
        self.assertEqual(rows_of(self.restored + "/carnet.db"), rows_of(self.data + "/carnet.db"))

    def test_what_is_there_is_left_alone(self):
        database = self.database()
        self.good("init", "--data", self.data, *database)
        self.good("backup", self.backup, "--data", self.data, *database)
        self.refused("restore", self.backup, "--data", self.restored, *database, words=["is not empty; nothing was changed"])
        self.assertFalse(os.path.exists(self.restored))
        self.cluster.sql(self.name, "SELECT 1")
        other = self.database()
        self.cluster.sql(self.name, "CREATE TABLE mine (x INT)", user="carnet")
        self.refused("restore", self.backup, "--data", self.restored, *other, words=["tables of another program"])
        nowhere = ["--database", f"postgresql://carnet@/nowhere?host={self.cluster.folder}&port={self.cluster.port}"]
        self.refused("restore", self.backup, "--data", self.restored, *nowhere, words=["nowhere", "does not exist"])
        self.refused("backup", self.folder + "/c", "--data", self.data, *nowhere, words=["does not exist"])
        self.assertEqual(count(self.folder), ["carnet.backup", "data"])

    def test_a_failure_and_a_kill_leave_the_database_empty(self):
        init(CARNET, self.data)
        self.make_large(60000)
        self.good("backup", self.backup, "--data", self.data)
        with sqlite3.connect(self.data + "/carnet.db") as connection:
            connection.execute(f"INSERT INTO audit ({AUDIT}) VALUES ('zzz', '', 0, 'a', 'b', 'c', 'd', ?)", ("nul \0 inside",))
        connection.close()
        self.good("backup", self.folder + "/nul", "--data", self.data)
        database = self.database()
        self.refused("restore", self.folder + "/nul", "--data", self.restored, *database, words=["Table audit"])
        self.assertTrue(self.has_no_rows(self.name))
        begun = time.monotonic()
        self.good("restore", self.backup, "--data", self.folder + "/timed", *self.database())
        took = time.monotonic() - begun
        dice = random.Random(5)
        for turn in range(6):
            database, place = self.database(), f"{self.folder}/again{turn}"
            killed = Killed.killed(dice.uniform(0, took), "restore", self.backup, "--data", place, *database)
            if killed and not os.path.exists(place):  # else it was done and had only not said so
                # The server notices that its client is gone when it reads on.
                wait_until(lambda: self.cluster.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname = "  # noqa: B023
                                                    f"'{self.name}'") == "0", 30, "the server to end the session")
                self.assertTrue(self.has_no_rows(self.name))
                self.good("restore", self.backup, "--data", place, *database)
            self.assertEqual(self.cluster.sql(self.name, "SELECT count(*) FROM audit WHERE action = 'test'"), "60000")

    def test_a_backup_of_an_older_schema(self):
        fixture = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "upgrade-0001.tar.xz"
        with tarfile.open(fixture) as archive:
            archive.extractall(self.folder)
        expected = json.loads(pathlib.Path(self.folder, "expected.json").read_text())
        self.good("backup", self.backup, "--data", self.data)
        database = self.database()
        self.good("restore", self.backup, "--data", self.restored, *database)
        with Service(CARNET, self.restored, *database) as service:
            for scan in expected["scans"]:
                now = call("GET", f"{service.url}/pqc/scan/{scan['scanId']}", expected["keys"]["viewer"]).json()
                self.assertEqual(len(now["assets"]), scan["assets"])


class Whole(Folder):
    """What goes in comes out."""

    def setUp(self):
        super().setUp()
        init(CARNET, self.data)
        self.make_nasty()

    def check_restored(self):
        self.assertEqual(rows_of(self.restored + "/carnet.db"), rows_of(self.data + "/carnet.db"))
        for name in ("pepper", "admin.key", "signing.keys", "signing.seal"):
            self.assertEqual(pathlib.Path(self.restored, name).read_bytes(), pathlib.Path(self.data, name).read_bytes())
        self.assertEqual(stat.S_IMODE(os.stat(self.restored).st_mode), 0o700)
        for name in os.listdir(self.restored):
            self.assertEqual(stat.S_IMODE(os.stat(f"{self.restored}/{name}").st_mode), 0o600, name)
        self.assertEqual(count(self.folder), ["carnet.backup", "data", "restored"])

    def test_every_row_and_every_key(self):
        said = self.good("backup", self.backup, "--data", self.data)
        self.assertIn("keep it private", said)
        self.assertEqual(stat.S_IMODE(os.stat(self.backup).st_mode), 0o600)
        self.assertIn("is whole", self.good("restore", "--check", self.backup, "--data", self.restored))
        self.assertEqual(count(self.folder), ["carnet.backup", "data"])
        self.good("restore", self.backup, "--data", self.restored)
        self.check_restored()

    def test_sealed(self):
        seal = pathlib.Path(self.folder, "seal")
        seal.write_text(SECRET + "\n")
        self.good("backup", self.backup, "--data", self.data, "--seal-file", seal)
        bytes_of = pathlib.Path(self.backup).read_bytes()
        self.assertTrue(bytes_of.startswith(b'carnet-sealed 1\n{"kdf":"argon2id","memoryKiB":65536,"passes":3,'))
        pepper = pathlib.Path(self.data, "pepper").read_bytes()
        self.assertNotIn(pepper.strip(), bytes_of)
        self.refused("restore", self.backup, "--data", self.restored, words=["is sealed", "--seal-file"])
        wrong = pathlib.Path(self.folder, "wrong")
        wrong.write_text("another passphrase of mine")
        self.refused("restore", self.backup, "--data", self.restored, "--seal-file", wrong, words=["The passphrase is not that of"])
        short = pathlib.Path(self.folder, "short")
        short.write_text("short")
        self.refused("backup", self.folder + "/b", "--data", self.data, "--seal-file", short, words=["at least 12 characters"])
        self.good("restore", self.backup, "--data", self.restored, "--seal-file", seal)
        for file in (seal, wrong, short):
            file.unlink()
        self.check_restored()

    def test_opened_by_tar(self):
        """Without Carnet: the parts, their digests, and the rows as PostgreSQL's COPY has them."""
        self.good("backup", self.backup, "--data", self.data)
        with tarfile.open(self.backup, "r:gz") as archive:
            parts = {m.name: archive.extractfile(m).read() for m in archive}
        manifest = json.loads(parts["manifest.json"])
        self.assertEqual((manifest["format"], manifest["version"]), ("carnet-backup", 1))
        self.assertEqual(parts["manifest.sha256"].decode(), hashlib.sha256(parts["manifest.json"]).hexdigest() + "  manifest.json\n")
        for part in manifest["parts"]:
            self.assertEqual((len(parts[part["name"]]), hashlib.sha256(parts[part["name"]]).hexdigest()), (part["size"], part["sha256"]))
        table = next(t for t in manifest["tables"] if t["name"] == "audit")
        lines = parts["database/audit.000001.copy"].decode().split("\n")[:-1]
        self.assertEqual(len(lines), table["rows"])
        actor = table["columns"].index("actor")
        letters = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}

        def plain(field):
            out, escaped = "", False
            for c in field:
                if escaped:
                    out, escaped = out + letters[c], False
                elif c == "\\":
                    escaped = True
                else:
                    out += c
            return out
        self.assertLessEqual(set(NASTY), {plain(line.split("\t")[actor]) for line in lines})

    def test_a_database_elsewhere(self):
        elsewhere = pathlib.Path(self.folder, "elsewhere")
        elsewhere.mkdir()
        self.good("backup", self.backup, "--data", self.data)
        self.good("restore", self.backup, "--data", self.restored, "--database", f"sqlite:{elsewhere}/here.db")
        self.assertEqual(count(elsewhere), ["here.db"])
        self.assertFalse(pathlib.Path(self.restored, "carnet.db").exists())
        self.assertEqual(rows_of(f"{elsewhere}/here.db"), rows_of(self.data + "/carnet.db"))
        with Service(CARNET, self.restored, "--database", f"sqlite:{elsewhere}/here.db") as service:
            self.assertEqual(call("GET", service.url + "/readyz").status, 200)

    def test_nothing_is_overwritten(self):
        self.good("backup", self.backup, "--data", self.data)
        before = pathlib.Path(self.backup).read_bytes()
        self.refused("backup", self.backup, "--data", self.data, words=["exists; nothing was changed"])
        self.assertEqual(pathlib.Path(self.backup).read_bytes(), before)
        self.refused("restore", self.backup, "--data", self.data, words=["is not empty; nothing was changed"])
        os.mkdir(self.restored)
        pathlib.Path(self.restored, "mine").write_text("mine")
        self.refused("restore", self.backup, "--data", self.restored, words=["is not empty"])
        self.assertEqual(count(self.restored), ["mine"])
        os.unlink(self.restored + "/mine")
        taken = pathlib.Path(self.folder, "taken.db")
        taken.write_text("mine")
        self.refused("restore", self.backup, "--data", self.restored, "--database", f"sqlite:{taken}", words=["is there; nothing was changed"])
        self.assertEqual(taken.read_text(), "mine")
        taken.unlink()
        self.good("restore", self.backup, "--data", self.restored)  # an empty folder is as good as none
        self.check_restored()

    def test_what_cannot_be_backed_up_is_told(self):
        self.refused("backup", self.backup, "--data", self.folder + "/none", words=["There is no database at"])
        self.refused("backup", self.folder + "/none/b", "--data", self.data, words=["Cannot create"])
        self.refused("backup", self.backup, "--data", self.data, "--database", "none", words=["nothing to back up"], code=2)
        self.refused("restore", self.folder + "/none", "--data", self.restored, words=["No such file"])
        os.unlink(self.data + "/pepper")
        self.refused("backup", self.backup, "--data", self.data, words=["pepper: it is not there"])
        self.assertEqual(count(self.folder), ["data"])


class Killed(Folder):
    def test_kill_during_backup_and_restore(self):
        seed = int(time.time())
        print(f"seed {seed}")
        dice = random.Random(seed)
        init(CARNET, self.data)
        self.make_large(60000)
        begun = time.monotonic()
        self.good("backup", self.folder + "/first", "--data", self.data)
        backup_s = time.monotonic() - begun
        begun = time.monotonic()
        self.good("restore", self.folder + "/first", "--data", self.restored)
        restore_s = time.monotonic() - begun
        expected = rows_of(self.data + "/carnet.db")
        killed = 0
        for _ in range(12):
            if self.killed(dice.uniform(0, backup_s), "backup", self.backup, "--data", self.data):
                killed += 1
            if os.path.exists(self.backup):  # done: then it is whole, though it may not have said so
                self.good("restore", "--check", self.backup)
                os.unlink(self.backup)
            self.assertEqual([n for n in count(self.folder) if n not in ("data", "first", "restored") and ".partial-" not in n], [])
        self.assertGreater(killed, 0)
        killed = 0
        for turn in range(12):
            place = f"{self.folder}/again{turn}"
            was_killed = self.killed(dice.uniform(0, restore_s), "restore", self.folder + "/first", "--data", place)
            if was_killed and not os.path.exists(place):  # else it was done and had only not said so
                killed += 1
                self.good("restore", self.folder + "/first", "--data", place)
            self.assertEqual([n for n in count(self.folder) if n.startswith(f"again{turn}.")], [], "leftovers go with the next")
            self.assertEqual(rows_of(place + "/carnet.db"), expected)
        self.assertGreater(killed, 0)

    @staticmethod
    def killed(after, *command):
        """Whether it was still at it."""
        child = subprocess.Popen([CARNET, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            child.wait(after)
            return False
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait() != 0


class FullDisk(Folder):
    def in_small_disk(self, script, *arguments):
        """A shell script with $1 a tmpfs of 1 MiB in a mount namespace of its own."""
        os.makedirs(self.folder + "/small", exist_ok=True)
        unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
        probe = subprocess.run([*unshare, "mount", "-t", "tmpfs", "-o", "size=1m", "small", self.folder + "/small"], capture_output=True)
        if probe.returncode != 0:
            self.skipTest("this user may not mount a file system: " + probe.stderr.decode().strip())
        return subprocess.run([*unshare, "sh", "-c", f'mount -t tmpfs -o size=1m small "$1" || exit 99\n{script}', "sh",
                               self.folder + "/small", CARNET, *arguments], capture_output=True, text=True, timeout=120)

    def test_backup_and_restore_say_so_and_leave_nothing(self):
        init(CARNET, self.data)
        self.make_large(60000)
        full = self.in_small_disk('"$2" backup "$1/b" --data "$3"; code=$?; ls -A "$1"; exit $code', self.data)
        self.assertEqual(full.returncode, 1, full.stdout + full.stderr)
        self.assertIn("No space left on device", full.stderr)
        self.assertEqual(full.stdout, "")
        self.good("backup", self.backup, "--data", self.data)
        full = self.in_small_disk('"$2" restore "$3" --data "$1/d"; code=$?; ls -A "$1"; exit $code', self.backup)
        self.assertEqual(full.returncode, 1, full.stdout + full.stderr)
        self.assertRegex(full.stderr, "(?i)full|space")
        self.assertEqual(full.stdout, "")


if __name__ == "__main__":
    backup_folder.CARNET = CARNET = sys.argv.pop(1)
    unittest.main(verbosity=2)
