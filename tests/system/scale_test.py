#!/usr/bin/env python3
"""Memory of a scan grows by little for each endpoint, and dead endpoints neither stop it nor cost others their time. A service that
scans ten thousand endpoints, and then gives their result out in every format, stays under 256 MiB.

    scale_test.py CARNET

A tenth of the endpoints are dead: half of those refuse, half never answer. bench/probe_compare.py measures how fast they are.
CARNET_SCALE_ENDPOINTS is for looking at other sizes of scan.
"""

import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from harness import Service, call, init, sanitized  # noqa: E402
from probe_servers import Servers, free_port  # noqa: E402

CARNET = ""
SMALL, LARGE = 200, 1200
WHOLE = int(os.environ.pop("CARNET_SCALE_ENDPOINTS", "10000"))
KIB_PER_ENDPOINT_MAX = 16
SERVICE_MIB_MAX = 256
FORMATS = ("json", "csv", "pdf", "cbom", "sarif", "bundle", "cbom&version=1.7", "json&signed=true")


def peak_kib_of(arguments):
    """(peak of the resident set in KiB, exit code)"""
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss, child.returncode


def memory_mib(pid, name):
    found = re.search(rf"{name}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) / 1024


def forget_peak(pid):
    """VmHWM is the resident set again."""
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


class Scale(unittest.TestCase):
    def setUp(self):
        if sanitized(CARNET):
            self.skipTest("a sanitizer's memory is not the program's")
        if not shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"):
            self.skipTest("nginx is not installed")
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="carnet-scale-"))
        self.servers = self.enterContext(Servers(self.folder))
        alive, _ = self.servers.many_addresses()
        self.ports = {place: alive for place in range(20)}
        self.ports[3], self.ports[13] = self.servers.dead_port(), free_port()

    def targets(self, count):
        return "\n".join(f"127.70.{i // 250}.{i % 250 + 1}:{self.ports[i % 20]}" for i in range(count))

    def test_memory_per_endpoint(self):
        peaks = {}
        for count in (SMALL, LARGE):
            pathlib.Path(f"{self.folder}/targets").write_text(self.targets(count))
            began = time.monotonic()
            peaks[count], code = peak_kib_of([CARNET, "scan", "--from", f"{self.folder}/targets", "--kinds", "tls", "--profile", "quick",
                                              "-q", "--format", "json", "-o", f"{self.folder}/out.json", "--connect-timeout-ms", "500"])
            took = time.monotonic() - began
            self.assertEqual(code, 0)
            coverage = json.loads(pathlib.Path(f"{self.folder}/out.json").read_text())["coverage"]
            self.assertEqual((coverage["requested"], coverage["reached"]), (count, count * 18 // 20))
            reasons = {re.sub(r"\d+", "N", row["reason"]) for row in coverage["unreached"]}
            self.assertEqual(reasons, {"timed out after N ms", "connection refused"})
            print(f"{count} endpoints: {peaks[count] / 1024:.0f} MiB, {took:.1f} s", file=sys.stderr)
        self.assertLess((peaks[LARGE] - peaks[SMALL]) / (LARGE - SMALL), KIB_PER_ENDPOINT_MAX)

    def finished_scan(self, service, key):
        upload = call("POST", f"{service.url}/pqc/upload-bundle", key, self.targets(WHOLE).encode(), {"Content-Type": "text/csv"})
        self.assertIn(upload.status, (200, 201), upload.body)
        started = call("POST", f"{service.url}/pqc/scan", key,
                       {"bundleSessionId": upload.json()["sessionId"], "kinds": ["tls"], "profile": "quick"})
        self.assertEqual(started.status, 202, started.body)
        scan = started.json()["scanId"]
        events = urllib.request.Request(f"{service.url}/pqc/scan/{scan}/events", headers={"Authorization": f"Bearer {key}"})
        with urllib.request.urlopen(events, timeout=400) as stream:  # ends with the scan
            self.assertIn(f"Finished: {WHOLE * 18 // 20} of {WHOLE} endpoints reached", stream.read().decode())
        return scan

    @staticmethod
    def size_of(url, key):
        """Of the answer. It is not kept: a child's peak begins with what its parent held when it was started."""
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
        size = 0
        with urllib.request.urlopen(request, timeout=300) as answer:
            while piece := answer.read(1 << 20):
                size += len(piece)
        return size

    def test_service_stays_within_its_memory(self):
        key = init(CARNET, f"{self.folder}/data")["operator"]
        with Service(CARNET, f"{self.folder}/data", "--connect-timeout-ms", "500") as service:
            pid = service.child.pid
            began = time.monotonic()
            scan = self.finished_scan(service, key)
            peaks = {f"the scan of {WHOLE} endpoints": memory_mib(pid, "VmHWM")}
            print(f"{WHOLE} endpoints: {peaks}, {time.monotonic() - began:.1f} s", file=sys.stderr)
            for path in (f"pqc/scan/{scan}", *(f"pqc/report/{scan}?format={name}" for name in FORMATS)):
                forget_peak(pid)
                before, began = memory_mib(pid, "VmRSS"), time.monotonic()
                size = self.size_of(f"{service.url}/{path}", key)
                took = time.monotonic() - began
                peaks[path] = memory_mib(pid, "VmHWM")
                print(f"{path.replace(scan, '…')}: {size / 2**20:.1f} MiB in {took:.1f} s; resident {before:.0f} MiB before, "
                      f"{peaks[path]:.0f} MiB at most", file=sys.stderr)
            for what, mib in peaks.items():
                self.assertLess(mib, SERVICE_MIB_MAX, what)


if __name__ == "__main__":
    CARNET = sys.argv.pop(1)
    unittest.main(verbosity=2)
