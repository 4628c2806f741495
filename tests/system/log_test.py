#!/usr/bin/env python3
"""kill -9 of the service, again and again, while scans end and their passports are appended to the transparency log.

Afterwards: every passport whose scan was answered as finished is in the tree; the tree of every root that was ever served is a
beginning of the last one; no checkpoint of a size ever changed; every tile is what the entries give. The reader is tlog.py, which
shares no code with the service.

    log_test.py CARNET [--kills 100] [--seed N]
"""

import argparse
import random
import sys
import tempfile
import threading
import time

import tlog
from harness import Service, call, check_integrity, init

FLAGS = ("--rate-limit", "1000000", "--public-rate-limit", "0", "--transparency-rate-limit", "0", "--log-level", "error",
         "--log-origin", "kill.example/log")
SAMPLE = {"scenarioId": "bank-tls-inventory", "useFixture": True}


class Seen:
    """What was ever answered."""

    def __init__(self):
        self.lock = threading.Lock()
        self.finished = set()   # scans
        self.checkpoints = {}   # size: (text, our two lines)
        self.errors = []
        self.news = threading.Event()  # a scan was answered as finished

    def checkpoint(self, text):
        note = tlog.Note(text)
        mine = (note.text, note.lines_text)
        with self.lock:
            known = self.checkpoints.setdefault(note.size, mine)
        if known != mine:
            self.errors.append(("two checkpoints of one size", known, mine))


def until_killed(work):
    def run(*given):
        try:
            work(*given)
        except Exception as gone:  # noqa: BLE001 killed under us: nothing was answered
            if isinstance(gone, (AssertionError, KeyError)):
                given[-1].errors.append((work.__name__, repr(gone)))
    return run


@until_killed
def scan(url, key, stop, seen):
    """One after the other, so that no queue outlives many kills."""
    while not stop.is_set():
        answer = call("POST", f"{url}/pqc/scan", key, SAMPLE, timeout=5)
        assert answer.status == 202, (answer.status, answer.body)
        scan_id, state = answer.json()["scanId"], "running"
        while state == "running" and not stop.wait(0.01):
            state = call("GET", f"{url}/pqc/scan/{scan_id}", key, timeout=5).json()["status"]
        assert state in {"running", "success"}, (scan_id, state)
        if state == "success":
            seen.finished.add(scan_id)
            seen.news.set()


@until_killed
def watch_log(url, key, stop, seen):
    while not stop.is_set():
        answer = call("GET", f"{url}/log/checkpoint", timeout=5)
        assert answer.status == 200, (answer.status, answer.body)
        seen.checkpoint(answer.body.decode())
        stop.wait(0.005)


def check_growth(url, seen, largest):
    """The log begins with what it was before the kill."""
    now = call("GET", f"{url}/pqc/transparency/root").json()
    assert now["size"] >= largest, (now["size"], largest)
    if largest:
        old_root = tlog.Note("\n\n".join([seen.checkpoints[largest][0][:-1], seen.checkpoints[largest][1]])).root
        check_consistency(url, largest, old_root, now["size"], bytes.fromhex(now["root"]))
    seen.checkpoint(now["checkpoint"])
    return now


def check_consistency(url, old, old_root, size, root):
    proof = call("GET", f"{url}/pqc/transparency/consistency?from_size={old}&to_size={size}").json()
    path = [bytes.fromhex(h) for h in proof["path"]]
    assert tlog.is_consistent(old, old_root, size, root, path), (old, size)


def check_everything(url, key, seen):
    now = check_growth(url, seen, max(seen.checkpoints, default=0))
    size, root = now["size"], bytes.fromhex(now["root"])
    log_key = next(k for k in now["verifierKeys"] if k.split("+", 2)[2].startswith("A"))  # type byte 0x01
    leaves = [tlog.leaf_hash(entry) for entry in tlog.read_entries(url, size)]
    assert len(set(leaves)) == size
    assert tlog.tree_root(leaves) == root
    tiles = tlog.check_tiles(url, leaves)
    for old, (text, lines) in sorted(seen.checkpoints.items()):
        note = tlog.Note(text + "\n" + lines)
        note.verify(log_key)
        assert note.origin == "kill.example/log"
        assert tlog.tree_root(leaves[:old]) == note.root, old
        check_consistency(url, old, note.root, size, root)
        again = call("GET", f"{url}/pqc/transparency/root?size={old}").json()["checkpoint"]
        assert again == text + "\n" + lines, old
    for scan_id in sorted(seen.finished):
        verified = call("GET", f"{url}/pqc/verify/{scan_id}", key).json()
        digest = verified["passport"]["sha256"]
        found = call("GET", f"{url}/pqc/transparency/inclusion?hash={digest}&size={size}")
        assert found.status == 200, (scan_id, digest, found.body)
        proof = found.json()
        path = [bytes.fromhex(h) for h in proof["path"]]
        leaf = tlog.leaf_hash(bytes.fromhex(digest))
        assert leaves[proof["index"]] == leaf
        assert tlog.root_from_inclusion(proof["index"], size, leaf, path) == root, scan_id
    return size, tiles


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("carnet")
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--seed", type=int, default=int(time.time()))
    given = options.parse_args()
    print(f"seed {given.seed}")
    dice, seen = random.Random(given.seed), Seen()
    with tempfile.TemporaryDirectory(prefix="carnet-log-") as folder:
        data = f"{folder}/data"
        key = init(given.carnet, data)["operator"]
        for _ in range(given.kills):
            with Service(given.carnet, data, *FLAGS) as service:
                stop = threading.Event()
                check_growth(service.url, seen, max(seen.checkpoints, default=0))
                crowd = [threading.Thread(target=work, args=(service.url, key, stop, seen))
                         for work in (scan, scan, watch_log)]
                for thread in crowd:
                    thread.start()
                seen.news.clear()
                seen.news.wait(20)
                stop.wait(dice.uniform(0, 0.2))  # the moment of the kill, not a wait for something
                service.kill()
                stop.set()
                for thread in crowd:
                    thread.join()
            assert not seen.errors, seen.errors[:3]
        check_integrity(data)
        with Service(given.carnet, data, *FLAGS) as service:
            size, tiles = check_everything(service.url, key, seen)
            assert service.stop() == 0
        assert not seen.errors, seen.errors[:3]
        assert len(seen.finished) >= given.kills // 2 and len(seen.checkpoints) >= given.kills // 2, \
            (len(seen.finished), len(seen.checkpoints))
    print(f"{given.kills} kills, {size} entries, {len(seen.finished)} answered scans all in the tree, "
          f"{len(seen.checkpoints)} served checkpoints unchanged and consistent, {tiles} tiles right")


if __name__ == "__main__":
    sys.exit(main())
