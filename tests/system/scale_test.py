#!/usr/bin/env python3
"""Memory of a scan grows by little for each endpoint, and dead endpoints neither stop it nor cost others their time.

    scale_test.py CARNET

A tenth of the endpoints are dead: half of those refuse, half never answer. bench/probe_compare.py measures ten thousand of them.
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

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from probe_servers import Servers, free_port  # noqa: E402

CARNET = ""
SMALL, LARGE = 200, 1200
KIB_PER_ENDPOINT_MAX = 24  # ten thousand of them then fit into 256 MiB beside the program itself


def peak_kib_of(arguments):
    """(peak of the resident set in KiB, exit code)"""
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss, child.returncode


class Scale(unittest.TestCase):
    def test_memory_per_endpoint(self):
        program = pathlib.Path(CARNET).read_bytes()
        if b"__asan_init" in program or b"__tsan_init" in program:
            self.skipTest("a sanitizer's memory is not the program's")
        if not shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"):
            self.skipTest("nginx is not installed")
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        peaks = {}
        with tempfile.TemporaryDirectory(prefix="carnet-scale-") as folder, Servers(folder) as servers:
            alive, dead, refusing = servers.many_addresses(), servers.dead_port(), free_port()
            for count in (SMALL, LARGE):
                ports = {3: dead, 13: refusing}
                targets = [f"127.70.{i // 250}.{i % 250 + 1}:{ports.get(i % 20, alive)}" for i in range(count)]
                pathlib.Path(f"{folder}/targets").write_text("\n".join(targets))
                began = time.monotonic()
                peaks[count], code = peak_kib_of([CARNET, "scan", "--from", f"{folder}/targets", "--kinds", "tls", "--profile", "quick", "-q",
                                                  "--format", "json", "-o", f"{folder}/out.json", "--connect-timeout-ms", "500"])
                took = time.monotonic() - began
                self.assertEqual(code, 0)
                result = json.loads(pathlib.Path(f"{folder}/out.json").read_text())
                self.assertEqual(result["coverage"]["requested"], count)
                self.assertEqual(result["coverage"]["reached"], count * 18 // 20)
                reasons = {re.sub(r"\d+", "N", row["reason"]) for row in result["coverage"]["unreached"]}
                self.assertEqual(reasons, {"timed out after N ms", "connection refused"})
                print(f"{count} endpoints: {peaks[count] / 1024:.0f} MiB, {took:.1f} s", file=sys.stderr)
        per_endpoint = (peaks[LARGE] - peaks[SMALL]) / (LARGE - SMALL)
        self.assertLess(per_endpoint, KIB_PER_ENDPOINT_MAX)


if __name__ == "__main__":
    CARNET = sys.argv.pop(1)
    unittest.main(verbosity=2)
