#!/usr/bin/env python3
"""`carnet scan` against real servers of every protocol that upgrades to TLS. The truth is each server's configuration in peers.py.

    peers_test.py CARNET
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

import peers

CARNET = ""

# Name, how it is started, and per port: protocol and state of the upgrade ("" for TLS from the first byte).
SERVERS = [
    ("exim", lambda f, c: peers.exim(f, c), {"smtp": ("smtp", "offered")}),
    ("exim-no", lambda f, c: peers.exim(f, c, "no"), {"smtp": ("smtp", "not-offered")}),
    ("exim-broken", lambda f, c: peers.exim(f, c, "broken"), {"smtp": ("smtp", "refused")}),
    ("dovecot", peers.dovecot,
     {"imap": ("imap", "offered"), "pop3": ("pop3", "offered"), "sieve": ("sieve", "offered"), "lmtp": ("lmtp", "offered"),
      "imaps": ("tls", "")}),
    ("vsftpd", lambda f, c: peers.vsftpd(f, c), {"ftp": ("ftp", "offered")}),
    ("vsftpd-plain", lambda f, c: peers.vsftpd(f, c, tls=False), {"ftp": ("ftp", "not-offered")}),
    ("slapd", lambda f, c: peers.slapd(f, c), {"ldap": ("ldap", "offered")}),
    ("slapd-plain", lambda f, c: peers.slapd(f, c, tls=False), {"ldap": ("ldap", "not-offered")}),
    ("prosody", peers.prosody, {"xmpp": ("xmpp", "offered"), "xmpp-server": ("xmpp-server", "offered")}),
    ("mariadb", lambda f, c: peers.mariadb(f, c), {"mysql": ("mysql", "offered")}),
    ("postgresql", lambda f, c: peers.postgresql(f, c), {"postgresql": ("postgresql", "offered")}),
    ("postgresql-plain", lambda f, c: peers.postgresql(f, c, tls=False), {"postgresql": ("postgresql", "not-offered")}),
    ("nntp", peers.nntp, {"nntp": ("nntp", "offered")}),
]
# Their libraries know no post-quantum group: OpenSSL 3.0 and GnuTLS 3.7, as Debian 12 has them. Newer ones do.
PEERS_WITH_OLD_TLS = os.path.exists("/etc/debian_version") and open("/etc/debian_version").read().startswith("12")


def scan(targets, *options):
    """The endpoints of a scan by port."""
    done = subprocess.run(
        [CARNET, "scan", "--format", "json", "--quiet", *options, "--allow-targets", "127.0.0.0/8,::1/128", "--connect-burst", "1000",
         "--connects-per-second", "1000", "--", *targets], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise AssertionError(f"exit {done.returncode}: {done.stderr}")
    report = json.loads(done.stdout)
    return {endpoint["port"]: endpoint for endpoint in report.get("result", report)["endpoints"]}


class Peers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="carnet-peers-")
        os.chmod(cls.folder.name, 0o755)
        cls.addClassCleanup(cls.folder.cleanup)
        cls.certificate = peers.Certificate(cls.folder.name)
        cls.running, cls.skipped = {}, {}
        with ThreadPoolExecutor(len(SERVERS)) as pool:
            started = {name: pool.submit(start, cls.folder.name, cls.certificate) for name, start, _ in SERVERS}
        failures = []
        for name, future in started.items():
            try:
                cls.running[name] = future.result()
                cls.addClassCleanup(cls.running[name].stop)
            except peers.Skipped as why:
                print(f"skipped {name}: {why}")
                cls.skipped[name] = str(why)
            except Exception as error:  # every started server is stopped before the first failure is told
                failures.append(f"{name}: {error}")
        if failures:
            cls.doClassCleanups()
            raise AssertionError("\n".join(failures))

    def expectations(self):
        for name, _, ports in SERVERS:
            if name in self.skipped:
                continue
            for port_name, (protocol, state) in ports.items():
                yield f"{name} {port_name}", self.running[name].ports[port_name], protocol, state

    def check_tls(self, endpoint):
        tls = endpoint["tls"]
        self.assertEqual([one["sha256"] for one in tls["certificates"]], [self.certificate.sha256])
        self.assertEqual({one["keyAlgorithm"] for one in tls["certificates"]}, {"RSA"})
        self.assertEqual({one["keyBits"] for one in tls["certificates"]}, {2048})
        versions = {one["version"]: one["state"] for one in tls["versions"]}
        self.assertEqual((versions["TLS 1.3"], versions["TLS 1.2"]), ("supported", "supported"))
        self.assertTrue(tls["handshakeProof"]["proven"])
        if PEERS_WITH_OLD_TLS:
            found = {one["kind"] for one in tls["groups"] if one["state"] in ("preferred", "supported")}
            self.assertEqual(found, {"classical"})

    def check(self, endpoint, protocol, state):
        self.assertTrue(endpoint["reached"], endpoint.get("reason"))
        self.assertEqual(endpoint["protocol"], protocol)
        if state:
            self.assertEqual(endpoint["starttls"]["state"], state, endpoint["starttls"])
        else:
            self.assertNotIn("starttls", endpoint)
        if state in ("", "offered"):
            self.check_tls(endpoint)
            self.assertEqual(endpoint.get("starttls", {}).get("findings", []), [])
        else:
            self.assertNotIn("tls", endpoint)
            self.assertEqual([one["code"] for one in endpoint["starttls"]["findings"]], ["starttls_" + state.replace("-", "_")])

    def test_found_out_without_being_told(self):
        found = scan([f"localhost:{port}" for _, port, _, _ in self.expectations()])
        greets = {"smtp", "lmtp", "imap", "pop3", "sieve", "ftp", "nntp", "mysql"}
        for name, port, protocol, state in self.expectations():
            with self.subTest(name):
                self.check(found[port], protocol, state)
                self.assertEqual(found[port]["recognisedBy"], "greeting" if protocol in greets else "answer")

    def test_named_in_the_request(self):
        by_kind = {}
        for name, port, protocol, state in self.expectations():
            by_kind.setdefault(protocol, []).append((name, port, state))
        for protocol, ports in by_kind.items():
            found = scan([f"127.0.0.1:{port}" for _, port, _ in ports], "--kinds", protocol, "--profile", "quick")
            for name, port, state in ports:
                with self.subTest(name):
                    endpoint = found[port]
                    self.assertEqual((endpoint["protocol"], endpoint.get("starttls", {}).get("state", "")), (protocol, state))
                    self.assertEqual(endpoint["recognisedBy"], "request")

    def test_another_kind_is_not_made_to_fit(self):
        port = self.running["exim"].port
        done = subprocess.run([CARNET, "scan", "--format", "json", "--quiet", "--kinds", "imap", f"127.0.0.1:{port}"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("no IMAP answer", done.stdout)

    def test_what_is_plain_is_a_broken_asset(self):
        port = self.running["exim-no"].port
        table = subprocess.run([CARNET, "scan", "--quiet", f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=60)
        self.assertIn("broken", table.stdout)


if __name__ == "__main__":
    CARNET = sys.argv.pop(1)
    unittest.main(verbosity=2)
