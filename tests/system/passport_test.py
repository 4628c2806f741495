#!/usr/bin/env python3
"""Passports from end to end with the real program: made, kept, rotated, and verified by programs that share no code with it.

    passport_test.py CARNET NODE
"""

import base64
import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zipfile

from harness import Service, call, init

CARNET = NODE = ""
SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "verify"


def run(*arguments, **extra):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CARNET_")}
    return subprocess.run([CARNET, *arguments], capture_output=True, text=True, timeout=120, env={**environment, **extra})


def finished_scan(service, key, body):
    scan = call("POST", service.url + "/pqc/scan", key, body).json()["scanId"]
    # The event stream ends when the scan does.
    call("GET", f"{service.url}/pqc/scan/{scan}/events", key, timeout=60)
    state = call("GET", f"{service.url}/pqc/scan/{scan}", key).json()["status"]
    assert state == "success", state
    return scan


class Passports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="carnet-passport-")
        cls.folder = cls.temporary.name
        cls.data = cls.folder + "/data"
        cls.keys_of_tenant = init(CARNET, cls.data, "Example Bank")
        cls.service = Service(CARNET, cls.data)
        cls.key = cls.keys_of_tenant["operator"]
        # A real target: Carnet's own port is refused, so a closed one; what counts is that it is no sample.
        cls.scan = finished_scan(cls.service, cls.key, {"target": "127.0.0.1", "ports": [1, 2], "kinds": ["tls"]})
        cls.sample = finished_scan(cls.service, cls.key, {"scenarioId": "bank-tls-inventory", "useFixture": True})
        cls.bundle = f"{cls.folder}/bundle.zip"
        answer = call("GET", f"{cls.service.url}/pqc/report/{cls.scan}?format=bundle", cls.key)
        assert answer.status == 200, answer.body
        pathlib.Path(cls.bundle).write_bytes(answer.body)
        cls.keys = f"{cls.folder}/keys.json"
        pathlib.Path(cls.keys).write_bytes(call("GET", cls.service.url + "/.well-known/carnet-keys.json").body)
        cls.unpacked = f"{cls.folder}/evidence"
        subprocess.run(["unzip", "-q", "-d", cls.unpacked, cls.bundle], check=True)

    @classmethod
    def tearDownClass(cls):
        with cls.service:
            cls.service.stop()
        cls.temporary.cleanup()

    def ends(self, result, code, *words):
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        for word in words:
            self.assertIn(word, result.stdout + result.stderr)

    def altered(self, change):
        """The bundle with its files changed by `change`, as a new archive with right checksums."""
        files = {p.name: p.read_bytes() for p in pathlib.Path(self.unpacked).iterdir()}
        change(files)
        files.pop("SHA256SUMS", None)
        import hashlib
        files["SHA256SUMS"] = "".join(f"{hashlib.sha256(b).hexdigest()}  {n}\n" for n, b in sorted(files.items())).encode()
        path = f"{self.folder}/altered.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in sorted(files.items()):
                info = zipfile.ZipInfo(name)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = 0o644 << 16
                archive.writestr(info, data)
        return path

    def test_three_programs_of_others_agree(self):
        sums = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=self.unpacked, capture_output=True, text=True)
        self.ends(sums, 0, "report.json: OK", "carnet-keys.json: OK")
        node = subprocess.run([NODE, SCRIPTS / "passport.mjs", f"{self.unpacked}/passport.json", self.keys, self.unpacked],
                              capture_output=True, text=True)
        self.ends(node, 0, "ok  Ed25519", "ok  ML-DSA-65", "ok  report.json", "GENUINE: scan " + self.scan)
        python = subprocess.run(["/usr/bin/python3", SCRIPTS / "passport.py", f"{self.unpacked}/passport.json", self.keys,
                                 self.unpacked, f"{self.unpacked}/passport.tlog-proof"], capture_output=True, text=True)
        self.ends(python, 0, "ok  Ed25519 signature\n", "ok  entry 0 of the log", "checkpoint", "not checked here: the ML-DSA-65")

    def test_the_same_programs_refuse_what_was_altered(self):
        copy = f"{self.folder}/copy"
        shutil.copytree(self.unpacked, copy)
        self.addCleanup(shutil.rmtree, copy)
        report = pathlib.Path(copy, "report.json")
        report.write_bytes(report.read_bytes().replace(b"127.0.0.1", b"127.0.0.2", 1))
        node = subprocess.run([NODE, SCRIPTS / "passport.mjs", f"{copy}/passport.json", self.keys, copy], capture_output=True, text=True)
        self.ends(node, 2, "report.json was altered")
        python = subprocess.run(["/usr/bin/python3", SCRIPTS / "passport.py", f"{copy}/passport.json", self.keys, copy],
                                capture_output=True, text=True)
        self.ends(python, 2, "report.json was altered")
        self.assertNotEqual(subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=copy, capture_output=True).returncode, 0)
        envelope = json.loads(pathlib.Path(self.unpacked, "passport.json").read_bytes())
        for index, algorithm in enumerate(("Ed25519", "ML-DSA-65")):
            broken = json.loads(json.dumps(envelope))
            signature = bytearray(base64.b64decode(broken["signatures"][index]["sig"]))
            signature[17] ^= 1
            broken["signatures"][index]["sig"] = base64.b64encode(signature).decode()
            path = pathlib.Path(copy, "broken.json")
            path.write_text(json.dumps(broken))
            node = subprocess.run([NODE, SCRIPTS / "passport.mjs", path, self.keys], capture_output=True, text=True)
            self.ends(node, 2, f"no {algorithm} signature that holds")

    def test_the_statement_fits_its_published_schema(self):
        schema = pathlib.Path(__file__).resolve().parents[2] / "data" / "passport.schema.json"
        statement = f"{self.folder}/statement.json"
        for scan in (self.scan, self.sample):
            share = call("POST", f"{self.service.url}/tenant/scans/{scan}/share", self.key, {"scope": "passport"}).json()
            envelope = call("GET", f"{self.service.url}/r/{share['token']}/passport").json()
            pathlib.Path(statement).write_bytes(base64.b64decode(envelope["payload"]))
            checked = subprocess.run(["/usr/bin/python3", "-m", "jsonschema", "-i", statement, str(schema)], capture_output=True, text=True)
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_verify_from_the_shell(self):
        self.ends(run("verify", self.bundle, "--keys", self.keys, "--offline"), 0, "VALID", "signature-ml-dsa-65", "log-checkpoint")
        self.ends(run("verify", self.bundle), 0, "VALID", "Keys: as published at " + self.service.url)
        self.ends(run("verify", f"{self.unpacked}/passport.json"), 0, "entry 0 of the log")
        self.ends(run("verify", f"{self.unpacked}/report.json", "--passport", f"{self.unpacked}/passport.json", "--keys", self.keys), 0)
        self.ends(run("verify", self.bundle, "--offline"), 2, "No trusted key set")
        self.ends(run("verify", f"{self.folder}/nothing"), 3, "cannot read")
        self.ends(run("verify", f"{self.unpacked}/README.md", "--keys", self.keys, "--offline"), 3, "UNREADABLE")
        self.ends(run("verify", self.bundle, "--keys", f"{self.unpacked}/README.md"), 3, "key set")
        told = json.loads(run("verify", self.bundle, "--keys", self.keys, "--offline", "--json").stdout)
        self.assertTrue(told["valid"])
        self.assertEqual(len(told["checks"]), 9)

    def test_each_refusal_has_its_own_words(self):
        def verify(change):
            return run("verify", self.altered(change), "--keys", self.keys, "--offline")

        self.ends(verify(lambda f: None), 0, "VALID")
        self.ends(verify(lambda f: f.update({"report.json": f["report.json"].replace(b"127.0.0.1", b"127.0.0.2", 1)})), 2, "report.json was altered")
        self.ends(verify(lambda f: f.update({"more.txt": b"x"})), 2, "more.txt was added")
        self.ends(verify(lambda f: f.pop("assets.csv")), 2, "assets.csv was taken out")
        self.ends(verify(lambda f: f.update({"table.csv": f.pop("assets.csv")})), 2, "table.csv was renamed")
        doubled = self.altered(lambda f: None)
        with zipfile.ZipFile(doubled, "a") as archive:
            archive.writestr("report.json", "{}")
        self.ends(run("verify", doubled, "--keys", self.keys, "--offline"), 2, "archive", "report.json")

        def one_signature(files):
            envelope = json.loads(files["passport.json"])
            envelope["signatures"].pop()
            files["passport.json"] = json.dumps(envelope).encode()
        self.ends(verify(one_signature), 2, "only with both")

    def test_another_servers_documents_are_not_ours(self):
        other_data = f"{self.folder}/other"
        keys = init(CARNET, other_data, "Example Bank")
        with Service(CARNET, other_data) as other:
            scan = finished_scan(other, keys["operator"], {"target": "127.0.0.1", "ports": [1, 2], "kinds": ["tls"]})
            bundle = call("GET", f"{other.url}/pqc/report/{scan}?format=bundle", keys["operator"]).body
            other.stop()
        path = f"{self.folder}/other.zip"
        pathlib.Path(path).write_bytes(bundle)
        self.ends(run("verify", path, "--keys", self.keys, "--offline"), 2, "a key found only inside the document proves nothing")
        answer = call("POST", self.service.url + "/pqc/verify", body=bundle, headers={"Content-Type": "application/zip"}).json()
        self.assertEqual(answer["verdict"], "forged")

    def test_sample_says_so(self):
        bundle = call("GET", f"{self.service.url}/pqc/report/{self.sample}?format=bundle", self.key).body
        path = f"{self.folder}/sample.zip"
        pathlib.Path(path).write_bytes(bundle)
        self.ends(run("verify", path, "--keys", self.keys, "--offline"), 0, "SAMPLE")

    def test_a_link_opens_the_passport_only_within_its_scope(self):
        for scope, status in (("passport", 200), ("bundle", 403), ("report", 403)):
            share = call("POST", f"{self.service.url}/tenant/scans/{self.scan}/share", self.key, {"scope": scope}).json()
            answer = call("GET", f"{self.service.url}/r/{share['token']}/passport")
            self.assertEqual(answer.status, status, answer.body)
            if status == 200:
                self.assertEqual(answer.body, pathlib.Path(self.unpacked, "passport.json").read_bytes())
                formats = [v["format"] for v in call("GET", f"{self.service.url}/tenant/shares/{share['id']}/views", self.key).json()["views"]]
                self.assertIn("passport", formats)
            bundle = call("GET", f"{self.service.url}/r/{share['token']}/report?format=bundle")
            self.assertEqual(bundle.status, 200 if scope != "report" else 403)

    def test_the_page_works_as_a_plain_form(self):
        page = call("GET", self.service.url + "/verify", headers={"Accept": "text/html"})
        self.assertIn(b'enctype="multipart/form-data"', page.body)
        boundary = "xyz"
        body = (f"--{boundary}\r\nContent-Disposition: form-data; name=\"document\"; filename=\"b.zip\"\r\n"
                "Content-Type: application/zip\r\n\r\n").encode() + pathlib.Path(self.bundle).read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        answer = call("POST", self.service.url + "/verify", body=body,
                      headers={"Content-Type": f"multipart/form-data; boundary={boundary}", "Accept": "text/html"})
        self.assertEqual(answer.status, 200)
        self.assertIn(b"<h1>Genuine</h1>", answer.body)
        self.assertIn(b"Example Bank", answer.body)


class Keys(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="carnet-keys-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.data = f"{self.folder}/data"
        self.tenant = init(CARNET, self.data)

    def ends(self, result, code, *words):
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        for word in words:
            self.assertIn(word, result.stdout + result.stderr)

    def test_files_are_private_and_say_what_is_wrong(self):
        for name in ("signing.keys", "signing.seal"):
            self.assertEqual(os.stat(f"{self.data}/{name}").st_mode & 0o777, 0o600)
        self.ends(run("keys", "list", "--data", self.data), 0, "Ed25519", "ML-DSA-65", "passport", "log", "in use")
        self.ends(run("keys", "init", "--data", self.data), 1, "There are signing keys")
        os.chmod(f"{self.data}/signing.keys", 0o644)
        self.ends(run("serve", "--data", self.data, "--listen", "127.0.0.1:0"), 1, "0644", "chmod 600")
        os.chmod(f"{self.data}/signing.keys", 0o600)
        pathlib.Path(f"{self.data}/signing.seal").write_text("f" * 64)
        self.ends(run("serve", "--data", self.data, "--listen", "127.0.0.1:0"), 1, "not the one that sealed")
        pathlib.Path(f"{self.data}/signing.keys").write_text("{}")
        self.ends(run("serve", "--data", self.data, "--listen", "127.0.0.1:0"), 1, "not a whole signing key file")
        os.remove(f"{self.data}/signing.seal")
        self.ends(run("keys", "rotate", "--data", self.data), 1)

    def test_a_passphrase_instead_of_a_file(self):
        secret = f"{self.folder}/passphrase"
        pathlib.Path(secret).write_text("correct horse battery staple\n")
        os.chmod(secret, 0o600)
        data = f"{self.folder}/sealed"
        self.ends(run("init", "--data", data, "--passphrase-file", secret), 0)
        self.assertFalse(os.path.exists(f"{data}/signing.seal"))
        with Service(CARNET, data, "--passphrase-file", secret) as service:
            self.assertEqual(call("GET", service.url + "/.well-known/carnet-keys.json").status, 200)
            service.stop()
        self.ends(run("serve", "--data", data, "--listen", "127.0.0.1:0"), 1, "--passphrase-file")
        pathlib.Path(secret).write_text("incorrect horse battery\n")
        self.ends(run("serve", "--data", data, "--listen", "127.0.0.1:0", "--passphrase-file", secret), 1, "passphrase is wrong")
        pathlib.Path(secret).write_text("short\n")
        self.ends(run("keys", "init", "--data", self.folder, "--passphrase-file", secret), 1, "at least 12")

    def test_an_older_data_directory_gets_keys_at_its_first_start(self):
        for name in ("signing.keys", "signing.seal"):
            os.remove(f"{self.data}/{name}")
        log = open(f"{self.folder}/log", "w", encoding="utf-8")
        with Service(CARNET, self.data, log=log) as service:
            self.assertEqual(len(call("GET", service.url + "/.well-known/carnet-keys.json").json()["keys"]), 4)
            service.stop()
        log.close()
        self.assertIn("made " + self.data + "/signing.keys", pathlib.Path(f"{self.folder}/log").read_text())

    def test_rotation_with_sighup(self):
        with Service(CARNET, self.data) as service:
            old = finished_scan(service, self.tenant["operator"], {"target": "127.0.0.1", "ports": [1], "kinds": ["tls"]})
            before = call("GET", service.url + "/.well-known/carnet-keys.json")
            self.assertIn("max-age", before.headers["Cache-Control"])
            self.ends(run("keys", "rotate", "--data", self.data, "--overlap-hours", "0"), 0, "SIGHUP")
            service.child.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 60
            while call("GET", service.url + "/.well-known/carnet-keys.json").body == before.body and time.monotonic() < deadline:
                pass
            after = call("GET", service.url + "/.well-known/carnet-keys.json").json()["keys"]
            self.assertEqual(len(after), 6)
            self.assertEqual(sum(key["notAfter"] is not None for key in after), 2)
            # What the old keys signed stays genuine, what comes now is signed with the new ones.
            new = finished_scan(service, self.tenant["operator"], {"target": "127.0.0.1", "ports": [1], "kinds": ["tls"]})
            used = []
            for scan in (old, new):
                answer = call("GET", f"{service.url}/pqc/verify/{scan}", self.tenant["viewer"]).json()
                self.assertEqual(answer["verdict"], "valid", answer["summary"])
                used.append(answer["passport"])
            self.assertFalse(set(used[0]["keyids"]) & set(used[1]["keyids"]))
            self.assertEqual(used[1]["previous"]["sha256"], used[0]["sha256"])
            service.stop()


class Issuer:
    """Stands where the service is published, and can show another log than the one it has."""

    def __init__(self):
        self.behind = ""
        self.shown = {}  # path: (status, body) instead of the service's own answer
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = next((answer for path, answer in outer.shown.items() if self.path.startswith(path)), (0, b""))
                if not status:
                    answer = call("GET", outer.behind + self.path)
                    status, body = answer.status, answer.body
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class RewrittenLog(unittest.TestCase):
    """`carnet verify` asks the issuer's log, and believes nobody whose log does not grow out of what was seen of it."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="carnet-rewritten-")
        cls.folder = cls.temporary.name
        cls.issuer = Issuer()
        key = init(CARNET, f"{cls.folder}/data")["operator"]
        cls.service = Service(CARNET, f"{cls.folder}/data", "--public-url", cls.issuer.url, "--transparency-rate-limit", "0")
        cls.issuer.behind = cls.service.url
        roots = []
        for _ in range(3):
            scan = finished_scan(cls.service, key, {"target": "127.0.0.1", "ports": [1], "kinds": ["tls"]})
            roots.append(call("GET", cls.service.url + "/pqc/transparency/root"))
            if len(roots) == 2:
                bundle = call("GET", f"{cls.service.url}/pqc/report/{scan}?format=bundle", key).body
        cls.bundle, cls.keys = f"{cls.folder}/bundle.zip", f"{cls.folder}/keys.json"
        pathlib.Path(cls.bundle).write_bytes(bundle)
        pathlib.Path(cls.keys).write_bytes(call("GET", cls.service.url + "/.well-known/carnet-keys.json").body)
        cls.roots = [root.body for root in roots]
        for size, root in enumerate(roots, 1):
            pathlib.Path(f"{cls.folder}/checkpoint{size}").write_text(root.json()["checkpoint"], encoding="utf-8")

    @classmethod
    def tearDownClass(cls):
        with cls.service:
            cls.service.stop()
        cls.issuer.stop()
        cls.temporary.cleanup()

    def ends(self, shown, arguments, code, *words):
        self.issuer.shown = shown
        result = run("verify", self.bundle, "--keys", self.keys, *arguments)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        for word in words:
            self.assertIn(word, result.stdout + result.stderr)

    def test_a_log_that_grew_is_believed(self):
        self.ends({}, (), 0, "its tree of size 3 continues it")
        for size in (1, 2, 3):
            self.ends({}, ("--checkpoint", f"{self.folder}/checkpoint{size}"), 0)

    def test_a_log_that_was_taken_back_is_not(self):
        nothing = (422, b"{}")
        taken_back = {"/pqc/transparency/root": (200, self.roots[0]), "/pqc/transparency/consistency": nothing}
        self.ends(taken_back, (), 2, "The log was forked", "size 1")
        self.ends({"/pqc/transparency/inclusion": (404, b"{}")}, (), 2, "the log was rewritten")

    def test_a_log_that_proves_nothing_to_whoever_kept_a_checkpoint_is_not(self):
        kept = ("--checkpoint", f"{self.folder}/checkpoint1")
        for status in (404, 422):
            self.ends({"/pqc/transparency/consistency": (status, b"{}")}, kept, 2, "The log was forked")
        # Who cannot be asked has not lied; but then there is no verdict.
        self.ends({"/pqc/transparency/consistency": (500, b"{}")}, kept, 3, "cannot be reached")
        self.ends({}, (*kept, "--offline"), 3, "--offline")
        self.ends({}, ("--checkpoint", f"{self.folder}/checkpoint2", "--offline"), 0)


if __name__ == "__main__":
    CARNET, NODE = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main(verbosity=2)
