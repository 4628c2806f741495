#!/usr/bin/env python3
"""Ten thousand connections, nearly all idle: the others are served, memory is bounded, neither one address nor ten keep others out.

    connections_test.py CARNET
"""

import os
import pathlib
import re
import resource
import socket
import subprocess
import sys
import tempfile
import unittest

from harness import sanitized, wait_until

CARNET = ""
ALL = 10_000  # connections_max and connections_per_address_max, docs/limits.md
PER_ADDRESS = 1_024
# An idle connection in the clear; measured 9 KiB.
BYTES_PER_CONNECTION_MAX = 16 * 1024
REQUEST = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"


def raise_file_limit(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise unittest.SkipTest(f"{wanted} open files are needed, the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


class Connections(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise_file_limit(ALL + 500)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="carnet-connections-")
        self.addCleanup(folder.cleanup)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CARNET_")}
        self.child = subprocess.Popen(
            [CARNET, "serve", "--data", f"{folder.name}/none", "--database", "none", "--listen", "127.0.0.1:0", "--log-level", "error",
             "--public-rate-limit", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
        self.addCleanup(self.child.stdout.close)
        self.addCleanup(self.child.wait)
        self.addCleanup(self.child.kill)
        self.port = int(re.search(r"ready on http://\S+:(\d+)", self.child.stdout.readline()).group(1))
        self.held = []
        self.addCleanup(self.let_go)

    def let_go(self):
        while self.held:
            self.held.pop().close()

    def connect(self, source):
        return socket.create_connection(("127.0.0.1", self.port), 20, source_address=(source, 0))

    def ask(self, connection):
        connection.sendall(REQUEST)
        return connection.recv(4096).split(b" ")[1]

    def status(self, source):
        """What a new connection is told; b"" if it ended without an answer."""
        try:
            with self.connect(source) as connection:
                return self.ask(connection)
        except (OSError, IndexError):
            return b""

    def resident_bytes(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.child.pid}/status").read_text()).group(1)) * 1024

    def gave_way(self):
        with self.connect("127.0.0.1") as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        return int(re.search(r"^carnet_http_connections_gave_way_total (\d+)$", text, re.MULTILINE).group(1))

    def hold(self, source, count):
        for _ in range(count):
            self.held.append(self.connect(source))
            self.assertEqual(self.ask(self.held[-1]), b"200")

    def test_one_address_with_all_it_may_have_does_not_keep_others_out(self):
        self.hold("127.0.0.2", PER_ADDRESS)
        for _ in range(10):
            with self.connect("127.0.0.2") as over:
                self.assertEqual(over.recv(4096).split(b" ")[1], b"429")
            self.assertEqual(self.status("127.0.0.3"), b"200")
        self.held.pop().close()
        wait_until(lambda: self.status("127.0.0.2") == b"200", 10, "the place that became free")

    def test_ten_addresses_with_all_they_may_have_do_not_keep_others_out(self):
        """They begin a request each and do not go on."""
        for source in range(60, 70):
            for _ in range(min(PER_ADDRESS, ALL - len(self.held))):
                self.held.append(self.connect(f"127.0.0.{source}"))
                self.held[-1].sendall(b"GET / HTTP/1.1\r\nHo")
        for turn in range(20):
            self.assertEqual(self.status(f"127.0.0.{100 + turn}"), b"200")

    def test_ten_thousand_idle_connections(self):
        busy = [self.connect("127.0.0.9") for _ in range(16)]
        self.addCleanup(lambda: [one.close() for one in busy])
        self.hold("127.0.0.10", 100)
        warm = self.resident_bytes()
        idle = ALL - len(busy) - len(self.held)
        for source in range(20, 40):
            self.hold(f"127.0.0.{source}", min(500, idle))
            idle -= min(500, idle)
            for one in busy:
                self.assertEqual(self.ask(one), b"200")
        each = (self.resident_bytes() - warm) / (len(self.held) - 100)
        print(f"{len(self.held)} idle connections hold {each / 1024:.1f} KiB each")
        if not sanitized(CARNET):
            self.assertLess(each, BYTES_PER_CONNECTION_MAX)
        # Past the cap whoever comes is served, in the place of those that have waited the longest; what is in use stays.
        for turn in range(50):
            self.assertEqual(self.status(f"127.0.0.{50 + turn}"), b"200")
            for one in busy:
                self.assertEqual(self.ask(one), b"200")
        self.assertGreater(self.gave_way(), 0)
        full = self.resident_bytes()
        self.let_go()
        wait_until(lambda: self.status("127.0.0.50") == b"200", 10, "a place")
        self.hold("127.0.0.11", 500)
        if not sanitized(CARNET):
            self.assertLessEqual(self.resident_bytes(), full + 4 * 1024 * 1024)


if __name__ == "__main__":
    CARNET = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
