#!/usr/bin/env python3
"""The transparency log read by others: a monitor made of Go's checksum-database packages, and a witness that cosigns.

The monitor (log_monitor.go, on golang.org/x/mod/sumdb) opens the checkpoint with the log's Ed25519 key and proves every entry and
every size from the tiles. The witness checks consistency by tlog.py and signs with python3-cryptography.

    monitor_test.py CARNET
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import tlog
from harness import Service, call, database_flags, init, wait_until

HERE = pathlib.Path(__file__).parent
SAMPLE = {"scenarioId": "bank-tls-inventory", "useFixture": True}


def build_monitor(folder):
    """Debian's golang-golang-x-mod-dev lies in a GOPATH."""
    if not shutil.which("go") or not pathlib.Path("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog").is_dir():
        sys.exit("golang-go and golang-golang-x-mod-dev are missing (scripts/packages-test.txt)")
    program = f"{folder}/log_monitor"
    subprocess.run(["go", "build", "-o", program, str(HERE / "log_monitor.go")], check=True, cwd=folder, env=dict(
        os.environ, GO111MODULE="off", GOPATH="/usr/share/gocode", CGO_ENABLED="0", GOCACHE=f"{folder}/cache", GOFLAGS=""))
    return program


def scans(service, key, count):
    ids = [call("POST", service.url + "/pqc/scan", key, SAMPLE).json()["scanId"] for _ in range(count)]
    for scan_id in ids:
        state = wait_until(lambda: (lambda s: s if s != "running" else None)(
            call("GET", f"{service.url}/pqc/scan/{scan_id}", key).json()["status"]), 60, scan_id)
        assert state == "success", (scan_id, state)


def head(service):
    return tlog.Note(call("GET", service.url + "/log/checkpoint").body.decode())


def hand_in(service, text):
    return call("POST", service.url + "/pqc/transparency/witness", body={"checkpoint": text})


def cosign(service, witness, last, at):
    """What a witness does: only a checkpoint that grew from the last one is signed."""
    new = head(service)
    proof = call("GET", f"{service.url}/pqc/transparency/consistency?from_size={last.size}&to_size={new.size}").json()
    assert tlog.is_consistent(last.size, last.root, new.size, new.root, [bytes.fromhex(h) for h in proof["path"]])
    answer = hand_in(service, new.text + "\n" + witness.line(new.text, at))
    assert answer.status == 200, answer.body
    assert witness.signed(head(service), at)
    return new


def main():
    carnet = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="carnet-monitor-") as folder:
        monitor = build_monitor(folder)
        data = f"{folder}/data"
        key = init(carnet, data)["operator"]
        # One gives its cosignature key, the other the plain form of it.
        first, second, stranger = (tlog.Witness(f"witness.example/{n}") for n in ("one", "two", "three"))
        with Service(carnet, data, "--log-origin", "monitor.example/log", "--witness", first.vkey(), "--witness", second.vkey(b"\1"),
                     "--rate-limit", "1000000", "--transparency-rate-limit", "0", "--log-level", "error") as service:
            scans(service, key, 3)
            root = call("GET", service.url + "/pqc/transparency/root").json()
            log_key = next(k for k in root["verifierKeys"] if k.split("+", 2)[2].startswith("A"))  # type byte 0x01
            out = subprocess.run([monitor, service.url, log_key], capture_output=True, text=True)
            assert out.returncode == 0 and out.stdout == "3 entries, all proven\n", out

            now = int(time.time())
            seen = head(service)
            seen.verify(log_key)
            seen = cosign(service, first, seen, now)
            scans(service, key, 2)
            seen = cosign(service, first, seen, now + 1)
            cosign(service, second, seen, now + 2)
            assert first.signed(head(service), now + 1) and second.signed(head(service), now + 2)
            listed = call("GET", service.url + "/pqc/transparency/witnesses").json()["witnesses"]
            assert [(w["name"], w["lastSize"]) for w in listed] == [(first.name, 5), (second.name, 5)], listed

            text = head(service).text
            assert hand_in(service, text + "\n" + stranger.line(text, now)).status == 403
            forked = text.replace("\n5\n", "\n4\n")
            assert hand_in(service, forked + "\n" + first.line(forked, now)).status == 409
            # With cosignatures below it the checkpoint is read as before.
            out = subprocess.run([monitor, service.url, log_key], capture_output=True, text=True)
            assert out.returncode == 0 and out.stdout == "5 entries, all proven\n", out
            other = tlog.vkey("monitor.example/log", b"\1", stranger.public)
            assert subprocess.run([monitor, service.url, other], capture_output=True).returncode != 0
            assert service.stop() == 0
        refused = subprocess.run([carnet, "serve", "--data", data, "--listen", "127.0.0.1:0", "--log-origin", "other.example/log",
                                  *database_flags(data)], capture_output=True, text=True)
        assert refused.returncode == 1 and "monitor.example/log" in refused.stderr, refused
    print("read by Go's packages, cosigned by two witnesses, a stranger and a fork refused")


if __name__ == "__main__":
    sys.exit(main())
