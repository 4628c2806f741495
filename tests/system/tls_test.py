#!/usr/bin/env python3
"""TLS of the listener as curl, OpenSSL and Python's ssl see it: versions, suites, reload, errors, slow and rude clients.

    tls_test.py CARNET
"""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

from harness import sanitized, wait_until

CARNET = ""
HANDSHAKE_SECONDS = 10  # tls_handshake_timeout, docs/limits.md
IGNORE_UNEXPECTED_EOF = 1 << 7  # OpenSSL's option, which Python sets: an end without close_notify would pass for a good one
# An idle connection by TLS; measured 23 KiB with OpenSSL 3.0.
BYTES_PER_CONNECTION_MAX = 64 * 1024


def openssl(*arguments, text="", check=True):
    return subprocess.run(["openssl", *arguments], input=text, capture_output=True, text=True, check=check, timeout=60)


def make_certificate(folder, name, days="30", key=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")):
    """NAME.crt and NAME.key for 127.0.0.1; -1 day for one that expired yesterday."""
    crt, pem, csr = f"{folder}/{name}.crt", f"{folder}/{name}.key", f"{folder}/{name}.csr"
    openssl("req", "-new", *key, "-nodes", "-subj", f"/CN={name}", "-keyout", pem, "-out", csr)
    extensions = pathlib.Path(f"{folder}/{name}.ext")
    extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    life = ["-days", days]
    if days.startswith("-") and "-not_after" in openssl("x509", "-help").stderr:  # newer ones refuse a negative number of days
        life = ["-not_before", "20200101000000Z", "-not_after", "20210101000000Z"]
    openssl("x509", "-req", "-in", csr, "-signkey", pem, *life, "-extfile", str(extensions), "-out", crt)
    os.chmod(pem, 0o600)
    return crt, pem


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("CARNET_")}


class TlsService:
    """`carnet serve` with TLS, without a database; its log as text."""

    def __init__(self, folder, crt, key, *flags, listen="127.0.0.1:0"):
        self.log_path = pathlib.Path(tempfile.mkstemp(prefix="log-", dir=folder)[1])
        tls = ["--tls-cert", crt, "--tls-key", key] if crt else []
        with self.log_path.open("w") as log:
            self.child = subprocess.Popen(
                [CARNET, "serve", "--data", f"{folder}/none", "--database", "none", "--listen", listen, "--log-format", "json",
                 "--public-rate-limit", "0", *tls, *flags], stdout=subprocess.PIPE, stderr=log, text=True, env=environment())
        line = self.child.stdout.readline()
        found = re.search(r"carnet ready on ((https?)://\S+:(\d+))", line)
        if not found:
            self.child.wait(20)
            raise RuntimeError(f"no ready line, exit {self.child.returncode}: {self.log()}")
        self.url, self.scheme, self.port = found.group(1), found.group(2), int(found.group(3))

    def log(self):
        return self.log_path.read_text()

    def events(self, message):
        return [one for one in map(json.loads, self.log().splitlines()) if message in json.dumps(one)]

    def resident_bytes(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.child.pid}/status").read_text()).group(1)) * 1024

    def connections(self):
        """Open sockets of the server, the listeners not counted, as the kernel sees them."""
        sockets = 0
        for fd in pathlib.Path(f"/proc/{self.child.pid}/fd").iterdir():
            try:
                sockets += os.readlink(fd).startswith("socket:")
            except FileNotFoundError:
                pass
        return sockets

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGKILL)
            self.child.wait()
        self.child.stdout.close()


def curl(*arguments):
    return subprocess.run(["curl", "--silent", "--show-error", "--max-time", "20", *arguments], capture_output=True, text=True)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="carnet-tls-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.crt, cls.key = make_certificate(cls.folder, "first")

    def serve(self, *flags, crt=None, key=None):
        service = TlsService(self.folder, crt or self.crt, key or self.key, *flags)
        self.addCleanup(service.__exit__)
        return service

    def context(self, crt=None):
        context = ssl.create_default_context(cafile=crt or self.crt)
        context.options &= ~IGNORE_UNEXPECTED_EOF
        return context

    def connect(self, service, crt=None, context=None):
        plain = socket.create_connection(("127.0.0.1", service.port), 20)
        # What an attacker could cut off unseen is an error here.
        return (context or self.context(crt)).wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False)

    def s_client(self, service, *arguments, text=""):
        done = openssl("s_client", "-connect", f"127.0.0.1:{service.port}", "-CAfile", self.crt, *arguments, text=text, check=False)
        return done.stdout + done.stderr

    def test_curl_with_either_version(self):
        service = self.serve()
        self.assertEqual(service.scheme, "https")
        for version, flags in (("TLSv1.2", ("--tlsv1.2", "--tls-max", "1.2")), ("TLSv1.3", ("--tlsv1.3",))):
            for target in ("/health", "/openapi.json"):
                with self.subTest(version, target=target):
                    done = curl("--cacert", self.crt, *flags, "--verbose", "--dump-header", "-", "-o", f"{self.folder}/body", service.url + target)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertIn("200", done.stdout.splitlines()[0])
                    self.assertIn("Strict-Transport-Security: max-age=", done.stdout)
                    self.assertIn(f"SSL connection using {version}", done.stderr)
                    self.assertRegex(done.stderr, r"ALPN.*http/1\.1")

    def test_old_versions_and_weak_suites_are_refused(self):
        service = self.serve()
        for flags in (("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), ("-tls1", "-cipher", "ALL:@SECLEVEL=0")):
            self.assertIn("alert protocol version", self.s_client(service, *flags))
        for suite in ("AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"):
            self.assertIn("alert handshake failure", self.s_client(service, "-tls1_2", "-cipher", suite + ":@SECLEVEL=0"), suite)
        self.assertIn("TLS_AES_256_GCM_SHA384", self.s_client(service, "-tls1_3"))
        self.assertIn("ECDHE-ECDSA-AES256-GCM-SHA384", self.s_client(service, "-tls1_2"))

    def test_application_protocols(self):
        service = self.serve()
        self.assertIn("ALPN protocol: http/1.1", self.s_client(service, "-alpn", "h2,http/1.1"))
        self.assertIn("No ALPN negotiated", self.s_client(service))
        self.assertIn("alert no application protocol", self.s_client(service, "-alpn", "h2"))

    def test_nothing_to_resume_and_no_renegotiation(self):
        service = self.serve()
        for version in ("-tls1_2", "-tls1_3"):
            out = self.s_client(service, version, text="GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.assertNotIn("session ticket:", out.lower().replace("tls session ticket", "session ticket"))
            saved = f"{self.folder}/session{version}"
            self.s_client(service, version, "-sess_out", saved)
            if os.path.exists(saved):
                self.assertNotIn("Reused, ", self.s_client(service, version, "-sess_in", saved))
        # s_client asks for a renegotiation when it is given an R.
        self.assertIn("no renegotiation", self.s_client(service, "-tls1_2", text="R\n"))

    def scan_itself(self):
        """A second process scans the first: nobody dials its own listeners."""
        service = self.serve()
        done = subprocess.run([CARNET, "scan", "--format", "json", "--quiet", "--allow-targets", "127.0.0.0/8", "--connect-burst", "1000",
                               f"127.0.0.1:{service.port}"], capture_output=True, text=True, timeout=120, env=environment())
        report = json.loads(done.stdout)
        [endpoint] = report["endpoints"]
        self.assertTrue(endpoint["reached"], endpoint)
        [said] = service.events("hybrid_key_exchange")
        tls = endpoint["tls"]
        self.assertEqual({one["version"]: one["state"] for one in tls["versions"] if one["state"] in ("supported", "preferred")}.keys(),
                         {"TLS 1.2", "TLS 1.3"})
        groups = {one["name"]: one["state"] for one in tls["groups"]}
        return said["hybrid_key_exchange"], groups, tls

    def linked_openssl(self):
        text = subprocess.run([CARNET, "version"], capture_output=True, text=True, check=True).stdout
        return tuple(map(int, re.search(r"OpenSSL (\d+)\.(\d+)", text).groups()))

    def test_scanned_by_carnet_where_openssl_is_old(self):
        if self.linked_openssl() >= (3, 5):
            self.skipTest("this carnet is linked with OpenSSL 3.5 or newer: the next test counts")
        hybrid, groups, _ = self.scan_itself()
        self.assertFalse(hybrid)
        self.assertIn(groups["x25519"], ("preferred", "supported"), groups)
        self.assertNotIn(groups.get("X25519MLKEM768"), ("preferred", "supported"))

    def test_scanned_by_carnet_the_hybrid_group_is_proven(self):
        if self.linked_openssl() < (3, 5):
            self.skipTest("X25519MLKEM768 needs OpenSSL 3.5 or newer (Debian 13); this carnet is linked with an older one")
        hybrid, groups, tls = self.scan_itself()
        self.assertTrue(hybrid)
        self.assertEqual(groups["X25519MLKEM768"], "preferred", groups)
        proof = tls["handshakeProof"]
        self.assertEqual((proof["proven"], proof["group"]), (True, "X25519MLKEM768"), proof)

    def test_reload(self):
        crt, key = f"{self.folder}/live.crt", f"{self.folder}/live.key"
        second = make_certificate(self.folder, "second")

        def install(one, other=None):
            pathlib.Path(crt).write_bytes(pathlib.Path(one[0]).read_bytes())
            pathlib.Path(key).write_bytes(pathlib.Path((other or one)[1]).read_bytes())
            os.chmod(key, 0o600)

        install((self.crt, self.key))
        service = self.serve(crt=crt, key=key)

        def shown():
            with self.connect(service, context=ssl._create_unverified_context()) as stream:
                return stream.getpeercert(binary_form=True)

        def certificate(path):
            return ssl.PEM_cert_to_DER_cert(pathlib.Path(path).read_text())

        def signal_and_wait(message, count):
            service.child.send_signal(signal.SIGHUP)
            wait_until(lambda: len(service.events(message)) >= count, 10, message)

        self.assertEqual(shown(), certificate(self.crt))
        kept = http.client.HTTPSConnection("127.0.0.1", service.port, context=self.context(), timeout=20)
        kept.request("GET", "/health")
        self.assertEqual(kept.getresponse().read() != b"", True)
        install(second)
        signal_and_wait("reloaded", 1)
        self.assertEqual(shown(), certificate(second[0]))
        kept.request("GET", "/health")  # an open connection goes on under the old one
        self.assertEqual(kept.getresponse().status, 200)
        kept.close()
        install((self.crt, self.key), second)  # not a pair
        signal_and_wait("reload refused", 1)
        self.assertIn("does not belong to the certificate", service.events("reload refused")[0]["reason"])
        self.assertEqual(shown(), certificate(second[0]))
        os.remove(key)
        signal_and_wait("reload refused", 2)
        self.assertIn("No such file", service.events("reload refused")[1]["reason"])
        self.assertEqual(shown(), certificate(second[0]))
        install((self.crt, self.key))
        signal_and_wait("reloaded", 2)
        self.assertEqual(shown(), certificate(self.crt))

    def refused_start(self, *flags):
        done = subprocess.run([CARNET, "serve", "--data", f"{self.folder}/none", "--database", "none", "--listen", "127.0.0.1:0", *flags],
                              capture_output=True, text=True, timeout=60, env=environment())
        self.assertNotEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def test_what_is_wrong_is_said_at_the_start(self):
        other = make_certificate(self.folder, "other")
        weak = make_certificate(self.folder, "weak", key=("-newkey", "rsa:1024"))
        rsa = make_certificate(self.folder, "rsa", key=("-newkey", "rsa:2048"))
        locked = f"{self.folder}/locked.key"
        openssl("pkey", "-in", self.key, "-aes256", "-passout", "pass:secret", "-out", locked)
        noise = f"{self.folder}/noise.pem"
        pathlib.Path(noise).write_text("nothing of the kind\n")

        def both(crt, key):
            return self.refused_start("--tls-cert", crt, "--tls-key", key)

        self.assertIn("--tls-key", self.refused_start("--tls-cert", self.crt))
        self.assertIn("--tls-cert", self.refused_start("--tls-key", self.key))
        self.assertRegex(both(f"{self.folder}/gone.crt", self.key), r"certificate file \S+gone.crt: No such file")
        self.assertRegex(both(self.crt, f"{self.folder}/gone.key"), r"key file \S+gone.key: No such file")
        self.assertIn("is a folder", both(self.folder, self.key))
        self.assertIn("holds no certificate in PEM form", both(noise, self.key))
        self.assertIn("holds no certificate in PEM form", both(self.key, self.key))
        self.assertIn("holds no private key in PEM form", both(self.crt, noise))
        self.assertIn("holds no private key in PEM form", both(self.crt, self.crt))
        self.assertIn("does not belong to the certificate", both(self.crt, other[1]))
        self.assertIn("does not belong to the certificate", both(self.crt, rsa[1]))
        self.assertRegex(both(self.crt, locked), "encrypted with a passphrase.*openssl pkey")
        self.assertRegex(both(*weak), "key too small.*RSA of 2048 bits")

    def test_what_should_not_stay_is_warned_of(self):
        crt, key = make_certificate(self.folder, "old", days="-1")
        os.chmod(key, 0o644)
        service = self.serve(crt=crt, key=key)
        [expired] = service.events(" expired on ")
        [readable] = service.events("Everybody on this machine may read the TLS key")
        self.assertEqual((expired["level"], readable["level"]), ("warn", "warn"))
        good = self.serve()
        self.assertEqual(good.events("tls_certificate"), [])

    def test_in_the_clear_on_a_network_is_said_loudly(self):
        with TlsService(self.folder, None, None, listen="0.0.0.0:0") as service:
            self.assertEqual(service.scheme, "http")
            self.assertEqual(len(service.events("listening on a network without TLS")), 1)
        with TlsService(self.folder, self.crt, self.key, listen="0.0.0.0:0") as service:
            self.assertEqual(service.events("without TLS"), [])

    def test_plain_http_is_told_where_to_go(self):
        service = self.serve()
        with socket.create_connection(("127.0.0.1", service.port), 20) as plain:
            plain.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = b"".join(iter(lambda: plain.recv(65536), b""))
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertEqual(answer.count(b"HTTP/1.1"), 1)
        self.assertIn(b"https://", answer)
        for noise in (b"\x00" * 100, b"\x16\x03\x01\x00\x02\x01\x00", b"\x80\x2e\x01\x00\x02" + b"\x00" * 50, b"\xff" * 20000):
            with socket.create_connection(("127.0.0.1", service.port), 20) as plain:
                plain.sendall(noise)
                plain.shutdown(socket.SHUT_WR)
                try:
                    self.assertNotIn(b"HTTP", b"".join(iter(lambda: plain.recv(65536), b"")))
                except ConnectionResetError:
                    pass
        self.assertEqual(curl("--cacert", self.crt, service.url + "/health").returncode, 0)

    def test_requests_in_any_pieces_and_large_bodies(self):
        service = self.serve()
        requests = b"".join(b"GET /health HTTP/1.1\r\nHost: a\r\nX-Request-Id: number-%d\r\n\r\n" % i for i in range(20))
        last = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        for piece in (1, 100, len(requests)):
            with self.connect(service) as stream:
                for at in range(0, len(requests), piece):
                    stream.sendall(requests[at:at + piece])
                stream.sendall(last)
                answers = b"".join(iter(lambda: stream.recv(65536), b""))  # to the close_notify
            self.assertEqual(re.findall(rb"X-Request-Id: number-(\d+)", answers), [b"%d" % i for i in range(20)])
            self.assertEqual(answers.count(b"HTTP/1.1 200 OK"), 21)
        body = b" " * 1048576
        with self.connect(service) as stream:
            stream.sendall(b"POST /pqc/scan HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            self.assertRegex(b"".join(iter(lambda: stream.recv(65536), b"")), rb"^HTTP/1.1 (401|503) ")
        plain = subprocess.run(["curl", "-s", "--cacert", self.crt, service.url + "/openapi.json"], capture_output=True, check=True).stdout
        with self.connect(service) as stream:
            stream.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 19 + b"GET /openapi.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answers = b"".join(iter(lambda: stream.recv(777), b""))
        self.assertEqual(answers.count(plain), 20)

    def test_a_malformed_request_is_answered_and_closed_cleanly(self):
        service = self.serve()
        with self.connect(service) as stream:
            stream.sendall(b"POST /pqc/scan HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                           b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = b"".join(iter(lambda: stream.recv(65536), b""))
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "))
        self.assertEqual(answer.count(b"HTTP/1.1"), 1)

    def test_clients_that_leave_early(self):
        service = self.serve()
        before = service.connections()
        for i in range(60):
            stream = self.connect(service)
            stream.sendall((b"", b"GET /hea", b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 30,
                            b"POST /pqc/scan HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{")[i % 4])
            if i % 8 < 4:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            stream.close()  # no close_notify
        wait_until(lambda: service.connections() <= before, 10, "the end of abandoned connections")
        self.assertEqual(curl("--cacert", self.crt, service.url + "/health").returncode, 0)

    def test_five_hundred_slow_handshakes(self):
        service = self.serve()
        before = service.connections()
        with socket.socket() as listener:  # what a client says first
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{listener.getsockname()[1]}"], stdin=subprocess.PIPE,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with listener.accept()[0] as hello_from:
                hello = hello_from.recv(4096)
            client.kill()
            client.wait()
            client.stdin.close()
        self.assertEqual(hello[0], 22)
        held = []
        self.addCleanup(lambda: [one.close() for one in held])
        for i in range(500):
            one = socket.create_connection(("127.0.0.1", service.port), 20)
            one.sendall((b"", hello[:1], hello[:len(hello) // 2], hello)[i % 4])
            held.append(one)
        wait_until(lambda: service.connections() > 400, 5, "most of them to be accepted")  # of the first, the time may be over
        for _ in range(20):
            self.assertEqual(curl("--cacert", self.crt, service.url + "/health").returncode, 0)
        wait_until(lambda: service.connections() <= before, HANDSHAKE_SECONDS + 15, "the end of slow handshakes")

    def test_memory_of_idle_connections(self):
        service = self.serve()
        context = self.context()
        held = []
        self.addCleanup(lambda: [one.close() for one in held])

        def open_and_ask(count):
            for _ in range(count):
                stream = self.connect(service, context=context)
                stream.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertIn(b"200 OK", stream.recv(4096))
                held.append(stream)

        open_and_ask(100)
        warm = service.resident_bytes()
        open_and_ask(800)
        each = (service.resident_bytes() - warm) / 800
        print(f"an idle connection by TLS holds {each / 1024:.1f} KiB")
        if not sanitized(CARNET):
            self.assertLess(each, BYTES_PER_CONNECTION_MAX)

    def test_one_address_has_its_share(self):
        service = self.serve()
        held = []
        self.addCleanup(lambda: [one.close() for one in held])
        for _ in range(1024):
            held.append(socket.create_connection(("127.0.0.1", service.port), 20, source_address=("127.0.0.2", 0)))
        with socket.create_connection(("127.0.0.1", service.port), 20, source_address=("127.0.0.2", 0)) as over:
            self.assertEqual(over.recv(1), b"")  # closed, without a handshake
        self.assertEqual(curl("--cacert", self.crt, service.url + "/health").returncode, 0)


if __name__ == "__main__":
    CARNET = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
