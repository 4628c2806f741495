#!/usr/bin/env python3
"""The real program behind name servers that lie, rebind and break; and its limits as settings.

    dns_test.py CARNET
"""

import contextlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from harness import Service, TlsServer, call, can_connect, init, wait_until
from name_server import A, NXDOMAIN, SERVFAIL, NameServer, address, alias

CARNET = ""


def scan(*arguments, env=None):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CARNET_")}
    done = subprocess.run([CARNET, "scan", "--format", "json", "-q", *arguments], capture_output=True, text=True, timeout=60,
                          env={**environment, **(env or {})})
    done.endpoints = json.loads(done.stdout)["endpoints"] if done.stdout.startswith("{") else []
    return done


class Trap:
    """A listener that counts who comes; where a rebind would have led."""

    def __init__(self, host, port=0):
        self.socket = socket.create_server((host, port))
        self.socket.settimeout(0.05)
        self.port, self.visitors, self.stopping = self.socket.getsockname()[1], 0, threading.Event()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while not self.stopping.is_set():
            try:
                self.socket.accept()[0].close()
                self.visitors += 1
            except TimeoutError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        self.socket.close()


class Hook:
    """A receiver of webhook calls on 127.0.0.1 that remembers their delivery ids."""

    def __init__(self):
        self.ids = ids = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                ids.append(self.headers["X-Carnet-Delivery-Id"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class OtherServer:
    """`openssl s_server` with a TlsServer's key on the same port of another address; entering gives whether it could be had."""

    def __init__(self, folder, host, port, *flags):
        at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.at = (host, port)
        self.child = subprocess.Popen(
            ["openssl", "s_server", "-accept", at, "-key", f"{folder}/tls.key", "-cert", f"{folder}/tls.crt", "-quiet", "-www", *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        try:
            return wait_until(lambda: self.child.poll() is not None or self._answers(), 10, "openssl s_server") and self.child.poll() is None
        except BaseException:
            self.__exit__()
            raise

    def _answers(self):
        try:
            socket.create_connection(self.at, 1).close()
            return True
        except OSError:
            return False

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()


class Dns(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="carnet-dns-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_a_name_is_looked_at_where_its_server_says(self):
        with TlsServer(self.folder) as tls, NameServer(
                lambda name, kind: [alias(name, "www.example"), address("www.example", "127.0.0.1")]) as dns:
            done = scan(f"shop.example:{tls.port}", "--dns-server", dns.at, "--allow-targets", "127.0.0.1/32")
            self.assertEqual(done.returncode, 0, done.stderr)
            endpoint = done.endpoints[0]
            self.assertEqual((endpoint["host"], endpoint["address"]), ("shop.example", "127.0.0.1"))
            self.assertEqual(endpoint["tls"]["serverName"], "shop.example")
            done = scan(f"shop.example:{tls.port}", "--allow-targets", "127.0.0.1/32", env={"CARNET_DNS_SERVER": dns.at})
            self.assertEqual(done.returncode, 0, done.stderr)

    def two_servers(self, stack):
        """Two addresses with the same port, which the second of them may have given to somebody else already."""
        for _ in range(20):
            with contextlib.ExitStack() as these:
                first = these.enter_context(TlsServer(self.folder, "-groups", "X25519:P-256"))
                if these.enter_context(OtherServer(self.folder, "127.0.0.2", first.port, "-groups", "P-256", "-no_tls1_3")):
                    stack.push(these.pop_all())
                    return first
        self.fail("no port is free on two addresses")

    def test_a_name_of_several_addresses_is_compared_and_its_aliases_told(self):
        with contextlib.ExitStack() as stack:
            first = self.two_servers(stack)
            v6 = stack.enter_context(OtherServer(self.folder, "::1", first.port, "-groups", "X25519:P-256"))
            def answer(name, kind):
                if name == "both.example":
                    return [address(name, "127.0.0.1"), address(name, "::1")]
                return [alias(name, "edge.example"), alias("edge.example", "pop7.edge.example"),
                        *(address("pop7.edge.example", f"127.0.0.{i}") for i in (3, 2, 1))]
            with NameServer(answer) as dns:
                common = ("--dns-server", dns.at, "--allow-targets", "127.0.0.0/8,::1", "--kinds", "tls")
                deep = scan(f"shop.example:{first.port}", "--profile", "deep", *common).endpoints[0]
                self.assertEqual(deep["aliases"], ["edge.example", "pop7.edge.example"])
                self.assertEqual(deep["address"], "127.0.0.1")
                two, three = deep["otherAddresses"]
                self.assertEqual((two["address"], two["state"]), ("127.0.0.2", "differs"), two)
                self.assertIn("no TLS 1.3", two["detail"])
                self.assertEqual(three, {"address": "127.0.0.3", "state": "unreachable", "detail": "connection refused"})
                codes = {f["code"]: f["detail"] for f in deep["tls"]["findings"]}
                self.assertIn("127.0.0.2 (no TLS 1.3", codes["addresses_differ"])
                self.assertIn("127.0.0.3 (connection refused)", codes["address_unreachable"])
                # The standard profile looks at one address of each family and names the rest.
                standard = scan(f"shop.example:{first.port}", *common).endpoints[0]
                self.assertEqual({(o["address"], o["state"]) for o in standard["otherAddresses"]},
                                 {("127.0.0.2", "not-looked-at"), ("127.0.0.3", "not-looked-at")})
                if v6:
                    both = scan(f"both.example:{first.port}", *common).endpoints[0]
                    self.assertEqual({both["address"], both["otherAddresses"][0]["address"]}, {"127.0.0.1", "::1"})
                    self.assertEqual(both["otherAddresses"][0]["state"], "same")
                    self.assertNotIn("aliases", both)

    def test_an_international_name_is_dialled_in_ascii_and_shown_both_ways(self):
        with TlsServer(self.folder) as tls, NameServer(lambda name, kind: [address(name, "127.0.0.1")]) as dns:
            common = (f"b\u00fccher.example:{tls.port}", "--dns-server", dns.at, "--allow-targets", "127.0.0.1/32")
            endpoint = scan(*common).endpoints[0]
            self.assertEqual((endpoint["host"], endpoint["tls"]["serverName"]), ("xn--bcher-kva.example",) * 2)
            self.assertEqual({name for name, _ in dns.asked}, {"xn--bcher-kva.example"})
            table = subprocess.run([CARNET, "scan", "-q", *common], capture_output=True, text=True, timeout=60).stdout
            self.assertIn(f"b\u00fccher.example:{tls.port} (xn--bcher-kva.example)", table)

    def test_ipv6_literals(self):
        try:
            listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
        except OSError:
            self.skipTest("this machine has no IPv6 loopback")
        with listener:
            port = listener.getsockname()[1]
            limits = ("--kinds", "tls", "--handshake-timeout-ms", "100", "--target-timeout-ms", "300")
            for target in (f"[::1]:{port}", f"https://[0:0:0:0:0:0:0:1]:{port}/path"):
                endpoint = scan(target, *limits).endpoints[0]
                self.assertEqual((endpoint["host"], endpoint["port"], endpoint["address"]), ("::1", port, "::1"))
            self.assertEqual(scan("::1", "--ports", str(port), *limits).endpoints[0]["port"], port)
            done = scan(f"[fe80::1%eth0]:{port}")
            self.assertEqual(done.returncode, 2)
            self.assertIn("zone", done.stderr)

    def test_a_rebind_during_the_scan_reaches_nothing(self):
        with TlsServer(self.folder) as tls, Trap("127.0.0.2", tls.port) as trap:
            turn = iter(["127.0.0.1"])
            answer = lambda name, kind: [address(name, next(turn, "127.0.0.2"))] if kind == A else []
            with NameServer(answer) as dns:
                arguments = (f"rebind.example:{tls.port}", "--dns-server", dns.at, "--allow-targets", "127.0.0.1/32")
                done = scan(*arguments)
                self.assertTrue(done.endpoints[0]["reached"], done.stderr)
                self.assertGreater(done.endpoints[0]["connections"], 3)
                self.assertEqual(dns.count("rebind.example", A), 1)
                done = scan(*arguments)
                self.assertEqual(done.returncode, 3)
                self.assertIn("rebind.example has the address 127.0.0.2", done.endpoints[0]["reason"])
            self.assertEqual(trap.visitors, 0)

    def test_one_private_address_among_public_ones_and_every_road_to_loopback(self):
        with Trap("127.0.0.1") as trap:
            for bad in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "169.254.169.254", "0.0.0.0"):
                answer = lambda name, kind, bad=bad: [address(name, "192.88.98.1"), address(name, bad)]
                with NameServer(answer) as dns:
                    done = scan(f"mixed.example:{trap.port}", "--dns-server", dns.at)
                    self.assertEqual(done.returncode, 3, bad)
                    self.assertIn("--allow-targets", done.endpoints[0]["reason"])
                    self.assertEqual(done.endpoints[0]["connections"], 0)
            self.assertEqual(trap.visitors, 0)

    def test_broken_name_servers_are_told_apart(self):
        answers = {"nx.example": NXDOMAIN, "broken.example": SERVFAIL, "empty.example": [], "silent.example": None,
                   "loop.example": [alias("loop.example", "loop2.example"), alias("loop2.example", "loop.example")]}
        with NameServer(lambda name, kind: answers[name]) as dns:
            done = scan(*answers, "--dns-server", dns.at, "--connect-timeout-ms", "200", "--handshake-timeout-ms", "300")
            reasons = {e["host"]: e["reason"] for e in done.endpoints}
            self.assertRegex(reasons.pop("broken.example"), "failed on this name$")
            self.assertEqual(reasons, {
                "nx.example": "no such name",
                "empty.example": "the name has no address", "loop.example": "the name has no address",
                "silent.example": "the name server did not answer in time"})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            gone = taken.getsockname()[1]
        done = scan("www.example", "--dns-server", f"127.0.0.1:{gone}")
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.endpoints[0]["reason"], "the name server (could not be reached|did not answer)")

    def test_the_service_asks_it_too_and_never_looks_at_itself(self):
        data = f"{self.folder}/data"
        keys = init(CARNET, data)
        with NameServer(lambda name, kind: [address(name, "127.0.0.1")]) as dns, \
                TlsServer(self.folder) as tls, \
                Service(CARNET, data, "--dns-server", dns.at, "--authorize-any-target") as service:
            own = service.url.rsplit(":", 1)[1]
            body = {"targets": [f"me.example:{own}", f"other.example:{tls.port}"]}
            started = call("POST", service.url + "/pqc/scan", keys["operator"], body).json()
            result = wait_until(lambda: (lambda a: a if a["status"] != "running" else None)(
                call("GET", f"{service.url}/pqc/scan/{started['scanId']}", keys["operator"]).json()), 60, "the scan")
            self.assertEqual(result["status"], "success", result)
            by_host = {e["host"]: e for e in result["endpoints"]}
            self.assertIn("is this server itself", by_host["me.example"]["reason"])
            self.assertTrue(by_host["other.example"]["reached"])

    def test_a_webhook_whose_name_rebinds_is_not_called(self):
        data = f"{self.folder}/data"
        key = init(CARNET, data)["operator"]
        now = ["127.0.0.1"]
        with Hook() as hook, NameServer(lambda name, kind: [address(name, one) for one in now]) as dns, \
                Service(CARNET, data, "--dns-server", dns.at, "--rate-limit", "100000") as service:
            def ask(method, path, body=None, status=200):
                answer = call(method, service.url + path, key, body)
                self.assertEqual(answer.status, status, answer.body)
                return answer.json()

            def newest():
                return ask("GET", path + "/deliveries?limit=1")["deliveries"][0]
            url = f"http://hooks.example:{hook.port}/"
            path = "/tenant/webhooks/" + ask("POST", "/tenant/webhooks", {"url": url, "events": ["scan.completed"]}, 201)["id"]
            self.assertEqual(ask("POST", path + "/test")["outcome"], "2xx")
            self.assertEqual(len(hook.ids), 1)
            for bad in (["10.9.8.7"], ["127.0.0.1", "169.254.169.254"], ["::1"], ["::ffff:10.9.8.7"], ["127.0.0.1", "192.88.98.1"]):
                now[:] = bad
                self.assertEqual(ask("POST", path + "/test")["outcome"], "blocked", bad)
            # Neither is it registered, nor changed, while it leads there.
            now[:] = ["127.0.0.1", "10.9.8.7"]
            for method, where in (("POST", "/tenant/webhooks"), ("PATCH", path)):
                problem = ask(method, where, {"url": url, "events": ["*"]}, 422)
                self.assertEqual([one["code"] for one in problem["errors"]], ["forbidden_address"])
            ask("POST", "/pqc/scan", {"scenarioId": "bank-tls-inventory", "useFixture": True}, 202)
            waiting = wait_until(lambda: ask("GET", path + "/deliveries")["count"] and newest()["lastOutcome"] and newest(), 30,
                                 "an attempt")
            self.assertEqual((waiting["state"], waiting["lastOutcome"]), ("queued", "blocked"))
            self.assertIn('carnet_delivery_attempts_total{channel="webhook",outcome="blocked"}',
                          call("GET", service.url + "/metrics").body.decode())
            self.assertEqual(len(hook.ids), 1)
            # It is for its receiver again: the same delivery goes there.
            now[:] = ["127.0.0.1"]
            wait_until(lambda: newest()["state"] == "delivered", 60, "the delivery")
            self.assertEqual(hook.ids[1:], [waiting["id"]])

    def test_a_stop_waits_for_no_name_server(self):
        data = f"{self.folder}/data"
        key = init(CARNET, data)["operator"]
        with NameServer(lambda name, kind: None) as one, NameServer(lambda name, kind: None) as two:
            flags = ("--dns-server", f"{one.at},{two.at}", "--authorize-any-target", "--connect-timeout-ms", "60000",
                     "--target-timeout-ms", "60000")
            with Service(CARNET, data, *flags) as service:
                started = call("POST", service.url + "/pqc/scan", key, {"targets": ["silent.example:443"]}).json()
                wait_until(lambda: one.asked or two.asked, 20, "the question")
                self.assertEqual(service.stop(), 0)  # after the ten seconds that it grants to what runs
            # Nothing was made up about the endpoint: the scan is for the next to run.
            with Service(CARNET, data, *flags) as service:
                scan_now = call("GET", f"{service.url}/pqc/scan/{started['scanId']}", key).json()
                self.assertIn(scan_now["status"], ("queued", "running"))
                service.kill()

    def test_dnsmasq(self):
        dnsmasq = shutil.which("dnsmasq", path=os.environ["PATH"] + ":/usr/sbin")
        if dnsmasq is None:
            self.skipTest("dnsmasq is not installed")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = subprocess.Popen(
            [dnsmasq, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces", "--user=",
             "--listen-address=127.0.0.1", f"--port={port}", f"--pid-file={self.folder}/pid", "--local=/example/",
             "--host-record=two.example,127.0.0.1,::1", "--cname=alias.example,two.example",
             *(f"--host-record=many.example,127.9.{i // 200}.{i % 200 + 1}" for i in range(300))],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: can_connect(port), 10, "dnsmasq")
            with TlsServer(self.folder) as tls:
                common = ("--dns-server", f"127.0.0.1:{port}", "--allow-targets", "127.0.0.0/8,::1")
                done = scan(f"alias.example:{tls.port}", *common)
                self.assertEqual((done.returncode, done.endpoints[0]["address"]), (0, "127.0.0.1"), done.stderr)
                # Longer than a datagram: dnsmasq cuts it short, the program asks again over TCP.
                done = scan(f"many.example:{tls.port}", *common)
                self.assertTrue("127.9.0." in done.endpoints[0]["reason"] or done.endpoints[0]["reached"], done.endpoints)
                self.assertEqual(scan(f"none.example:{tls.port}", *common).endpoints[0]["reason"], "no such name")
        finally:
            server.terminate()
            server.wait()

    def test_limits_are_settings(self):
        for flag, value, words in (("--dns-server", "dns.example", "must be an address"), ("--probes-per-host", "0", "from 1 to"),
                                   ("--target-timeout-ms", "x", "whole number"), ("--answer-bytes", "1", "from 16384")):
            done = scan("127.0.0.1", flag, value)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)
        done = scan("192.0.2.0/29", "--endpoints-per-scan", "5")
        self.assertEqual(done.returncode, 2)
        self.assertIn("at most 5 endpoints (hosts times ports), not 6", done.stderr)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            done = scan(f"127.0.0.1:{silent.getsockname()[1]}", "--kinds", "tls", "--handshake-timeout-ms", "150",
                        "--target-timeout-ms", "400")
            self.assertEqual(done.returncode, 3)
            self.assertRegex(done.endpoints[0]["reason"], r"timed out after \d+ ms")  # by default it takes seconds
            self.assertLess(done.endpoints[0]["durationMs"], 15000)


if __name__ == "__main__":
    CARNET = sys.argv.pop(1)
    unittest.main(verbosity=2)
