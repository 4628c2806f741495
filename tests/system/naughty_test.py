#!/usr/bin/env python3
"""Every naughty text of naughty.py, from the outside in: servers that say it, files that are called so, labels, recipients and
tenants; scanned, shared, and looked at as page, PDF, CSV, ZIP, JSON, CBOM, log and terminal table. It must arrive, as text.

    naughty_test.py CARNET NODE
"""

import csv
import io
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import zipfile
from contextlib import ExitStack
from pathlib import Path

import naughty
from harness import Service, call, init
from naughty import TEXTS, acting

CARNET = NODE = ""
BROWSER_TEST = Path(__file__).resolve().parents[1] / "e2e" / "naughty.mjs"
# Files are called by the last part of their name, if that is text without control characters.
FILE_MARKS = [mark for mark, text in TEXTS.items() if not naughty.has_control(text) and mark in re.split(r"[/\\]", text)[-1]]
FILES_TAKEN = ("pdf", "csv", "json", "cbom", "bundle")
NO_CHROMIUM = 77


def form(files):
    """multipart/form-data with file names as they are."""
    edge = "carnet-naughty-edge"
    body = b""
    for file_name, content in files:
        quoted = file_name.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "").replace("\0", "")
        body += (f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n\r\n').encode() + content + b"\r\n"
    return body + f"--{edge}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={edge}"}


def cells(text):
    return list(csv.reader(io.StringIO(text, newline="")))


def strings(value):
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


class Naughty(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = ExitStack()
        cls.addClassCleanup(cls.stack.close)
        cls.folder = cls.stack.enter_context(tempfile.TemporaryDirectory(prefix="carnet-naughty-"))
        cls.log = cls.stack.enter_context(open(f"{cls.folder}/log", "w"))
        data = f"{cls.folder}/data"
        init(CARNET, data)
        cls.service = cls.stack.enter_context(
            Service(CARNET, data, "--log-level", "debug", "--log-format", "json", "--public-rate-limit", "0", "--rate-limit", "100000",
                    "--connect-burst", "1000", "--connects-per-second", "1000", log=cls.log))
        cls.admin_key = Path(f"{data}/admin.key")
        cls.make_tenant()
        cls.scan_id = cls.scan()
        cls.links = cls.share()

    @classmethod
    def ask(cls, method, path, body=None, key=None, headers=None):
        return call(method, cls.service.url + path, key or cls.key, body, headers, timeout=60)

    @classmethod
    def make_tenant(cls):
        """One tenant for every text as its name, and one called many of them at once, which does the rest."""
        admin = cls.admin_key.read_text().strip()
        for text in TEXTS.values():
            answer = cls.ask("POST", "/admin/tenants", {"name": text}, admin)
            assert answer.status == (422 if naughty.has_control(text) else 201), (text, answer.status, answer.body)
        cls.tenant = "Bank " + " ".join(TEXTS[mark] for mark in ("n01", "n02", "n07", "n10", "n27", "n33"))
        made = cls.ask("POST", "/admin/tenants", {"name": cls.tenant}, admin)
        assert made.status == 201, made.body
        tenant = made.json()["tenantId"]
        issued = cls.ask("POST", f"/admin/tenants/{tenant}/keys", {"role": "admin", "label": TEXTS["n01"]}, admin)
        assert issued.status == 201, issued.body
        cls.key = issued.json()["key"]
        cls.key_file = f"{cls.folder}/key"
        Path(cls.key_file).write_text(cls.key)
        os.chmod(cls.key_file, 0o600)
        settings = cls.ask("PUT", "/tenant/settings", {"brandingName": cls.tenant})
        assert settings.status == 200, settings.body

    @classmethod
    def scan(cls):
        texts = list(TEXTS.values())
        allowed = cls.ask("PUT", "/tenant/authorized-targets", {"cidrs": ["127.0.0.0/8"], "attestation": TEXTS["n02"]})
        assert allowed.status == 200, allowed.body
        servers = [naughty.TlsServer(cls.folder, f"127.0.1.{i + 1}", texts[i::5]) for i in range(5)]
        short = [re.sub("[^!-+.-~]", "", text)[:60] for text in texts]  # what an SSH name list may hold: no comma, no space
        servers.append(naughty.SshServer("127.0.2.1", " ".join(texts)[:200], [text for text in short if text]))
        servers += [naughty.SmtpServer(f"127.0.3.{i + 1}", text) for i, text in enumerate((TEXTS["n01"], TEXTS["n29"], TEXTS["n07"]))]
        pem = Path(naughty.chain(cls.folder, "file", texts[:5])).read_bytes()
        key_sets = "host,port,kind\n" + "".join(f"{server.address},{server.port},jwks\n" for server in servers[:5])
        body, headers = form([*((text, pem) for text in texts), ("list.csv", key_sets.encode())])
        upload = cls.ask("POST", "/pqc/upload-bundle", body, headers=headers)
        assert upload.status in {200, 201}, (upload.status, upload.body)
        with ExitStack() as running:
            for server in servers:
                running.enter_context(server)
            targets = [f"{server.address}:{server.port}" for server in servers]
            started = cls.ask("POST", "/pqc/scan", {"targets": targets, "profile": "deep", "label": cls.tenant[:200],
                                                    "bundleSessionId": upload.json()["sessionId"]})
            assert started.status == 202, started.body
            scan = started.json()["scanId"]
            cls.ask("GET", f"/pqc/scan/{scan}/events")  # ends when the scan does
        cls.result = cls.ask("GET", f"/pqc/scan/{scan}").json()
        assert cls.result["status"] == "success", cls.result["status"]
        return scan

    @classmethod
    def share(cls):
        """A link for each text that may be typed; its mark: the link."""
        links = {}
        for mark, text in TEXTS.items():
            answer = cls.ask("POST", f"/tenant/scans/{cls.scan_id}/share", {"label": text, "recipient": text, "scope": "passport"})
            refused = naughty.has_control(text)
            assert answer.status == (422 if refused else 201), (text, answer.status, answer.body)
            if not refused:
                links[mark] = {"recipient": text, "page": f"{cls.service.url}/r/{answer.json()['token']}", "id": answer.json()["id"]}
        return links

    def take(self, mark, file):
        page = self.links[mark]["page"]
        return call("GET", f"{page}/report?format={file}" if file != "passport" else f"{page}/passport", timeout=60)

    def test_servers_and_files_arrive(self):
        said = "\n".join(strings(self.result))
        kinds = {endpoint["protocol"] for endpoint in self.result["endpoints"] if endpoint["reached"]}
        self.assertTrue({"tls", "ssh", "jwks", "smtp", "file"} <= kinds, kinds)
        for mark in TEXTS:
            self.assertIn(mark, said)
        names = "\n".join(c["subject"] for e in self.result["endpoints"] for c in (e.get("tls") or {}).get("certificates", []))
        for mark in TEXTS:
            self.assertIn(mark, names, "in a certificate's subject")
        # RFC 4514 escapes what would end or start a value; nothing else of a name may be lost.
        self.assertIn("alert(1)\\>n02", names)
        kids = [key["kid"] for e in self.result["endpoints"] for key in (e.get("jwks") or {}).get("keys", [])]
        for mark in ("n01", "n07", "n10", "n11", "n13", "n27", "n28"):
            self.assertIn(TEXTS[mark], kids)
        for text in strings(self.result):
            self.assertFalse(naughty.has_control(text), repr(text))

    def test_files_of_a_link(self):
        for mark, link in self.links.items():
            with self.subTest(mark):
                for file in FILES_TAKEN:
                    answer = self.take(mark, file)
                    self.assertEqual(answer.status, 200, (file, answer.body[:300]))
                    self.assertRegex(answer.headers["Content-Disposition"], r'^attachment; filename="[A-Za-z0-9._-]+"$')
                    self.assertNotIn("X-Forged", answer.headers)
                    self.assertNotIn("Set-Cookie", answer.headers)
                self.pdf_says(self.take(mark, "pdf").body, mark, link["recipient"])

    def pdf_says(self, pdf, mark, recipient):
        name = f"{self.folder}/{mark}.pdf"
        Path(name).write_bytes(pdf)
        text = subprocess.run(["pdftotext", "-layout", name, "-"], capture_output=True, check=True).stdout.decode()
        found = re.sub(r"\s", "", text)
        self.assertIn("Preparedfor", found)
        self.assertIn(mark, found)
        plain = recipient.split(mark)[0]
        if plain.isascii() and "{" not in plain:
            self.assertIn(re.sub(r"\s", "", plain), found, "as text, not as markup")
        # pdftotext itself brackets what runs from right to left.
        self.assertEqual(acting(re.sub("[\f\n\u200e\u200f\u202a-\u202c]", "", text)), [])
        links = subprocess.run(["pdfinfo", "-url", name], capture_output=True, text=True, check=True).stdout
        self.assertNotIn("javascript:", links)
        self.assertNotIn("evil", links)
        scripts = subprocess.run(["pdfinfo", "-js", name], capture_output=True, text=True, check=True).stdout.strip()
        self.assertEqual(scripts, "")

    def test_tables_are_no_formulas(self):
        tables = {"assets.csv": self.take("n01", "csv").body}
        with zipfile.ZipFile(io.BytesIO(self.take("n01", "bundle").body)) as bundle:
            tables |= {name: bundle.read(name) for name in bundle.namelist() if name.endswith(".csv")}
        self.assertGreaterEqual(len(tables), 2)
        for name, table in tables.items():
            rows = cells(table.decode())
            self.assertEqual({len(row) for row in rows}, {len(rows[0])}, "as many cells in each row")
            for cell in (cell for row in rows for cell in row):
                self.assertNotRegex(cell, "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]", name)
        assets = tables["assets.csv"].decode()
        for mark in FILE_MARKS:
            self.assertIn(mark, assets, "the file that is called so")

    def test_bundle_stays_in_its_folder(self):
        data = self.take("n21", "bundle").body
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            for name in bundle.namelist():
                self.assertRegex(name, r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")
                self.assertNotIn("..", name)
            report = json.loads(bundle.read(next(n for n in bundle.namelist() if n.endswith("report.json"))))
        self.assertNotIn("forged", report)
        Path(f"{self.folder}/bundle.zip").write_bytes(data)
        keys = f"{self.folder}/keys.json"
        Path(keys).write_bytes(call("GET", self.service.url + "/.well-known/carnet-keys.json").body)
        done = subprocess.run([CARNET, "verify", f"{self.folder}/bundle.zip", "--keys", keys, "--offline"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(acting(done.stdout.replace("\n", "") + done.stderr.replace("\n", "")), [])

    def test_json_documents(self):
        for path in (f"/pqc/report/{self.scan_id}?format=cbom", f"/pqc/report/{self.scan_id}?format=sarif",
                     f"/pqc/report/{self.scan_id}?format=json", f"/pqc/scan/{self.scan_id}"):
            answer = self.ask("GET", path)
            self.assertEqual(answer.status, 200, path)
            document = json.loads(answer.body)
            self.assertNotIn("forged", document)
            said = "\n".join(strings(document))
            for mark in FILE_MARKS if "sarif" in path else TEXTS:
                self.assertIn(mark, said, path)
        bom = self.ask("GET", f"/pqc/report/{self.scan_id}?format=cbom&version=1.7").json()
        refs = [c["bom-ref"] for c in bom["components"]]
        self.assertEqual(len(refs), len(set(refs)))

    def test_pages_in_a_browser(self):
        # Every link's page by its recipient, and the assets of one of them by the name of each file.
        pages = [{"url": link["page"], "marks": [mark], "recipient": mark} for mark, link in self.links.items()]
        one = self.links["n01"]["page"]
        pages += [{"url": f"{one}?q={mark}", "marks": [mark], "row": mark} for mark in FILE_MARKS]
        # Searching for the text itself puts it into the form and the address.
        pages += [{"url": f"{one}?q={urllib.parse.quote(text)}", "marks": []} for text in TEXTS.values()]
        listing = f"{self.folder}/pages.json"
        bundle = f"{self.folder}/browser.zip"
        Path(bundle).write_bytes(self.take("n07", "bundle").body)
        Path(listing).write_text(json.dumps({"pages": pages, "verify": f"{self.service.url}/verify", "bundle": bundle}))
        done = subprocess.run([NODE, str(BROWSER_TEST), listing], capture_output=True, text=True, timeout=500)
        if done.returncode == NO_CHROMIUM:
            self.skipTest(done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_terminal(self):
        shown = self.command("share", "list", "--limit", "100")
        for mark in self.links:
            self.assertIn(mark, shown)
        link = self.links["n01"]
        for text in TEXTS.values():
            agent = text.replace("\r", "").replace("\n", "").encode().decode("latin-1")
            try:
                call("GET", link["page"], headers={"User-Agent": agent, "Accept": "text/html"})
            except ValueError:
                continue  # Python's client sends no such header
        self.command("share", "views", link["id"])
        self.command("share", "revoke", self.links["n40"]["id"])
        url = ["--url", self.service.url, "--admin-key-file", str(self.admin_key)]
        tenants = self.run_inert("admin", "tenant", "list", *url)
        self.assertIn("n01", tenants)

    def command(self, *arguments):
        return self.run_inert(*arguments, "--url", self.service.url, "--key-file", self.key_file)

    maxDiff = 2000

    def run_inert(self, *arguments, code=0):
        """A command's output; nothing in it but lines of text."""
        done = subprocess.run([CARNET, *arguments], capture_output=True, timeout=120)
        text = (done.stdout + done.stderr).decode()  # strictly UTF-8
        self.assertEqual(done.returncode, code, text)
        self.assertEqual(acting(text.replace("\n", "")), [], text)
        return text

    def test_file_names_on_disk(self):
        folder = f"{self.folder}/walk"
        os.mkdir(folder)
        pem = Path(naughty.chain(self.folder, "walked", list(TEXTS.values())[:3])).read_bytes()
        for text in TEXTS.values():
            name = text.replace("/", "_").replace("\0", "")[:80]
            Path(f"{folder}/{name}").write_bytes(pem)
        Path(os.fsdecode(os.fsencode(folder) + b"/n99\xff\xfe")).write_bytes(pem)
        shown = self.run_inert("scan", "--path", folder)
        for mark in (*TEXTS, "n99"):
            self.assertIn(mark, shown)
        listed = f"{self.folder}/list.txt"
        Path(listed).write_bytes("\n".join(TEXTS.values()).encode())
        self.run_inert("scan", "--from", listed, code=2)
        bom = subprocess.run([CARNET, "scan", "-q", "--path", folder, "--format", "cbom"], capture_output=True, check=True).stdout
        self.assertIn("n99", bom.decode())

    def test_log(self):
        port = int(self.service.url.rsplit(":", 1)[1])
        for text in TEXTS.values():
            raw = text.encode()
            for line in (b"GET /" + urllib.parse.quote(text).encode() + b" HTTP/1.1\r\nHost: a\r\n", b"GET /" + raw + b" HTTP/1.1\r\nHost: a\r\n",
                         b"GET /r/" + raw + b" HTTP/1.1\r\nHost: a\r\n", b"GET /health HTTP/1.1\r\nHost: " + raw + b"\r\n",
                         b"GET /health HTTP/1.1\r\nHost: a\r\nX-Request-Id: " + raw + b"\r\nAuthorization: Bearer " + raw + b"\r\n",
                         raw + b" / HTTP/1.1\r\nHost: a\r\n"):
                with socket.create_connection(("127.0.0.1", port), 10) as connection:
                    connection.sendall(line + b"Connection: close\r\n\r\n")
                    while connection.recv(65536):
                        pass
        lines = Path(self.log.name).read_bytes().decode().split("\n")
        self.assertEqual(lines.pop(), "")
        self.assertGreater(len(lines), 6 * len(TEXTS))
        for line in lines:
            event = json.loads(line)
            self.assertEqual({"time", "level", "event"} - set(event), set())
            self.assertNotEqual(event["event"], "forged")
            self.assertEqual(acting(line), [], line)
            self.assertNotRegex(line, "(^|[^0-9a-z])n[0-4][0-9]([^0-9a-z]|$)", "no text of a visitor's is logged at all")


if __name__ == "__main__":
    CARNET, NODE = sys.argv[1:3]
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
