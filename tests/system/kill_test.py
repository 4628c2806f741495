#!/usr/bin/env python3
"""kill -9 of the service, again and again, during a stream of share creations and scans.

Afterwards: every link that was answered opens, every accepted scan finishes, and the database is whole.

    kill_test.py CARNET [--kills 50] [--seed N]
"""

import argparse
import random
import sys
import tempfile
import threading
import time

from harness import Service, TlsServer, call, check_integrity, init, wait_until

FLAGS = ("--rate-limit", "1000000", "--public-rate-limit", "0", "--links-per-scan", "0", "--links-per-tenant", "0",
         "--log-level", "error")


def writer(url, key, scan_id, stop, links, errors):
    while not stop.is_set():
        try:
            answer = call("POST", f"{url}/tenant/scans/{scan_id}/share", key, {"label": "kill"}, timeout=5)
        except OSError:
            return  # killed under us: nothing was answered
        except Exception:  # noqa: BLE001 an answer cut short is no answer
            return
        if answer.status == 201:
            links.append(answer.json()["token"])
        else:
            errors.append((answer.status, answer.body))


def scanner(url, key, target, stop, scans, errors):
    while not stop.is_set():
        body = {"targets": [target], "profile": "quick"} if len(scans) % 2 else {"scenarioId": "bank-tls-inventory", "useFixture": True}
        try:
            answer = call("POST", f"{url}/pqc/scan", key, body, timeout=5)
        except Exception:  # noqa: BLE001
            return
        if answer.status == 202:
            scans.append(answer.json()["scanId"])
        else:
            errors.append((answer.status, answer.body))
        stop.wait(0.03)


def first_scan(service, key):
    scan_id = call("POST", service.url + "/pqc/scan", key, {"scenarioId": "bank-tls-inventory", "useFixture": True}).json()["scanId"]
    wait_until(lambda: call("GET", f"{service.url}/pqc/scan/{scan_id}", key).json()["status"] == "success", 30, "the first scan")
    return scan_id


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("carnet")
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--seed", type=int, default=int(time.time()))
    given = options.parse_args()
    print(f"seed {given.seed}")
    dice = random.Random(given.seed)
    links, scans, errors = [], [], []
    with tempfile.TemporaryDirectory(prefix="carnet-kill-") as folder, TlsServer(folder) as peer:
        data = f"{folder}/data"
        key = init(given.carnet, data)["operator"]
        with Service(given.carnet, data, *FLAGS) as service:
            scan_id = first_scan(service, key)
            assert service.stop() == 0
        for turn in range(given.kills):
            with Service(given.carnet, data, *FLAGS) as service:
                stop, before = threading.Event(), len(links)
                crowd = [threading.Thread(target=writer, args=(service.url, key, scan_id, stop, links, errors)) for _ in range(8)]
                crowd.append(threading.Thread(target=scanner, args=(service.url, key, f"127.0.0.1:{peer.port}", stop, scans, errors)))
                for thread in crowd:
                    thread.start()
                if turn % 4:
                    wait_until(lambda: len(links) > before + 1 or errors, 30, "answers")  # noqa: B023
                stop.wait(dice.uniform(0.02, 0.4))  # the moment of the kill, not a wait for something
                service.kill()
                stop.set()
                for thread in crowd:
                    thread.join()
        check_integrity(data)
        assert not errors, errors[:3]
        assert len(links) > given.kills and len(scans) >= given.kills // 10, (len(links), len(scans))
        with Service(given.carnet, data, *FLAGS) as service:
            for token in links:
                answer = call("GET", f"{service.url}/r/{token}")
                assert answer.status == 200, (token[:10], answer.status)
            for scan in scans:
                state = wait_until(
                    lambda: (lambda s: s if s != "running" else None)(call("GET", f"{service.url}/pqc/scan/{scan}", key).json()["status"]),
                    120, f"scan {scan}")
                assert state == "success", (scan, state)
            assert service.stop() == 0
    print(f"{given.kills} kills, {len(links)} links answered and open, {len(scans)} scans accepted and finished, integrity ok")


if __name__ == "__main__":
    sys.exit(main())
