#!/usr/bin/env python3
"""A TLS server that loses its hybrid key exchange, gets a certificate that ends soon, is put right, and goes away: each is one alert over
the API, the shell and a webhook whose signature holds, and is resolved by the scan that proves it gone.

    alerts_test.py CARNET NODE
"""

import hashlib
import hmac
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

from harness import Service, call, can_connect, init, run, wait_until
from peers import free_port

CARNET, NODE = "", ""
SERVER = """
const tls = require('tls'), fs = require('fs');
const [port, groups, name] = process.argv.slice(1);
tls.createServer({key: fs.readFileSync(name + '.key'), cert: fs.readFileSync(name + '.crt'), ecdhCurve: groups},
                 (socket) => { socket.on('error', () => {}); }).on('tlsClientError', () => {}).listen(Number(port), '127.0.0.1');
"""
HYBRID, CLASSICAL = "X25519MLKEM768:X25519", "X25519"


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append((dict(self.headers), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Alerts(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="carnet-alerts-")
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)
        self.keys = init(CARNET, self.folder / "data")
        self.log = open(self.folder / "log", "w")
        self.addCleanup(self.log.close)
        self.service = Service(CARNET, self.folder / "data", "--rate-limit", "100000", log=self.log)
        self.addCleanup(self.service.__exit__)
        self.receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.receiver.calls = []
        threading.Thread(target=self.receiver.serve_forever, daemon=True).start()
        self.addCleanup(self.receiver.server_close)
        self.addCleanup(self.receiver.shutdown)
        self.port = free_port()
        self.child = None
        self.addCleanup(self.end_server)
        for name, days in (("long", 300), ("short", 10), ("renewed", 300)):
            self.certificate(name, days)

    def certificate(self, name, days):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(days),
             "-subj", "/CN=localhost", "-keyout", f"{self.folder}/{name}.key", "-out", f"{self.folder}/{name}.crt"], check=True,
            capture_output=True)

    def end_server(self):
        if self.child:
            self.child.kill()
            self.child.wait()
            self.child = None

    def serve(self, groups, certificate):
        self.end_server()
        self.child = subprocess.Popen([NODE, "-e", SERVER, "--", str(self.port), groups, str(self.folder / certificate)],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log)
        wait_until(lambda: can_connect(self.port), 30, "the TLS server")

    def ask(self, method, path, body=None):
        return call(method, self.service.url + path, self.keys["operator"], body)

    def scan(self):
        begun = self.ask("POST", "/pqc/scan", {"targets": ["127.0.0.1"], "ports": [self.port], "kinds": ["tls"]})
        self.assertEqual(begun.status, 202, begun.body)
        scan = begun.json()["scanId"]
        done = wait_until(lambda: (lambda now: now if now["status"] != "running" else None)(
            self.ask("GET", f"/pqc/scan/{scan}").json()), 120, "the scan")
        self.assertEqual(done["status"], "success", done)
        return scan

    def alerts(self, query=""):
        return self.ask("GET", "/tenant/alerts" + query).json()["alerts"]

    def kinds(self, query):
        return sorted(alert["kind"] for alert in self.alerts(query))

    def shell(self, *words):
        done = run(CARNET, "alert", *words, CARNET_URL=self.service.url, CARNET_API_KEY=self.keys["operator"])
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def events(self, name):
        """The bodies of this event so far, of which every signature holds."""
        out = []
        for headers, body in list(self.receiver.calls):
            wanted = hmac.new(self.secret.encode(), headers["X-Carnet-Timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
            self.assertEqual(headers["X-Carnet-Signature"], "sha256=" + wanted)
            event = json.loads(body)
            if event["event"] == name:
                out.append(event)
        return out

    def test_a_server_gets_worse_and_better(self):
        hook = self.ask("POST", "/tenant/webhooks", {
            "url": f"http://127.0.0.1:{self.receiver.server_address[1]}/hook",
            "events": ["alert.*", "scan.completed"]})
        self.assertEqual(hook.status, 201, hook.body)
        self.secret = hook.json()["secret"]

        self.serve(HYBRID, "long")
        first = self.scan()
        self.assertEqual(self.alerts(), [])
        completed = wait_until(lambda: self.events("scan.completed"), 30, "scan.completed")
        self.assertEqual(completed[0]["scanId"], first)
        self.assertIn("is finished", completed[0]["message"])

        self.serve(CLASSICAL, "short")
        worse = self.scan()
        standing = self.kinds("?status=open")
        self.assertIn("hybrid_lost", standing)
        self.assertIn("certificate_near_expiry", standing)
        lost = self.alerts("?kind=hybrid_lost")[0]
        self.assertEqual((lost["scanId"], lost["host"], lost["port"]), (worse, "127.0.0.1", self.port))
        raised = wait_until(lambda: self.events("alert.raised"), 30, "alert.raised")
        self.assertEqual(len(raised), 1)
        self.assertEqual(sorted(alert["kind"] for alert in raised[0]["alerts"]), standing)
        self.assertEqual(raised[0]["scanId"], worse)
        self.assertIn(lost["alertId"], self.shell("list", "--status", "open"))
        self.shell("ack", lost["alertId"], "--note", "Ticket 4711")

        again = self.scan()
        seen = self.ask("GET", "/tenant/alerts/" + lost["alertId"]).json()
        self.assertEqual((seen["status"], seen["note"], seen["count"], seen["lastScanId"]), ("acknowledged", "Ticket 4711", 2, again))

        self.serve(HYBRID, "renewed")
        better = self.scan()
        self.assertEqual(self.alerts("?status=open") + self.alerts("?status=acknowledged"), [])
        for kind in ("hybrid_lost", "certificate_near_expiry"):
            alert = self.alerts("?kind=" + kind)[0]
            self.assertEqual((alert["status"], alert["resolvedByScanId"]), ("resolved", better), alert)
        self.assertIn(better, self.shell("show", lost["alertId"]))
        resolved = wait_until(lambda: self.events("alert.resolved"), 30, "alert.resolved")
        self.assertEqual(len(resolved), 1)
        self.assertEqual(len(self.events("alert.raised")), 1)
        drift = self.ask("GET", "/tenant/drift-intel?change=renewed").json()["changes"]
        self.assertEqual(len(drift), 2)  # to the short certificate and from it

        self.end_server()
        self.scan()
        self.assertEqual(self.kinds("?status=open"), [])
        gone = self.scan()
        self.assertEqual(self.kinds("?status=open"), ["endpoint_gone"])
        self.serve(HYBRID, "renewed")
        back = self.scan()
        alert = self.alerts("?kind=endpoint_gone")[0]
        self.assertEqual((alert["scanId"], alert["resolvedByScanId"]), (gone, back))

        metrics = call("GET", self.service.url + "/metrics").body.decode()
        self.assertIn('carnet_alerts_raised_total{kind="hybrid_lost"} 1\n', metrics)
        self.assertIn('carnet_alerts_resolved_total{kind="endpoint_gone"} 1\n', metrics)


if __name__ == "__main__":
    CARNET, NODE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    unittest.main(argv=sys.argv[:1])
