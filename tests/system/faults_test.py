#!/usr/bin/env python3
"""What breaks under a running service, one thing after the other: writes that fail, a full disk, a database that goes away, connections
cut in the middle of a message, no file descriptors, little memory, a clock that jumps. Each time: nothing that was answered is lost,
nothing half-written is seen, whatever cannot be done meanwhile is refused with a clear 503, and the service recovers by itself.

    faults_test.py CARNET SHIM [--only NAME,…] [--rounds N] [--seed N]

SHIM is fault_shim.cc, built. On PostgreSQL with CARNET_TEST_DATABASE=postgresql. --rounds makes every case longer (`./test --soak`).
"""

import argparse
import collections
import contextlib
import errno
import glob
import http.client
import json
import os
import pathlib
import random
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time

import harness
from harness import ON_POSTGRESQL, Service, call, check_integrity, init, slowness, wait_until

FLAGS = ("--rate-limit", "1000000", "--public-rate-limit", "0", "--links-per-scan", "0", "--links-per-tenant", "0",
         "--log-level", "error")
SAMPLE = {"scenarioId": "bank-tls-inventory", "useFixture": True}
RECOVERS_WITHIN_S = 5


class Stage:
    """A data folder with one finished scan, and everything that was ever promised about it."""

    def __init__(self, carnet, shim, folder, dice, rounds):
        self.carnet, self.shim, self.folder, self.dice, self.rounds = carnet, shim, folder, dice, rounds
        self.data = f"{folder}/data"
        self.key = init(carnet, self.data)["operator"]
        self.links, self.scans, self.statuses = [], [], collections.Counter()
        self.slowest = 0.0  # recovery
        with Service(carnet, self.data, *FLAGS) as service:
            self.scan = self.submit(service.url)
            self.wait_for(service.url, self.scan)
            assert service.stop() == 0

    def submit(self, url, body=None):
        """The scan, if it was accepted."""
        answer = self.ask("POST", f"{url}/pqc/scan", body or SAMPLE)
        if answer is None or answer.status != 202:
            return None
        self.scans.append(answer.json()["scanId"])
        return self.scans[-1]

    def share(self, url):
        answer = self.ask("POST", f"{url}/tenant/scans/{self.scan}/share", {"label": "fault"})
        if answer is None or answer.status != 201:
            return False
        self.links.append(answer.json()["token"])
        return True

    def ask(self, method, path, body=None):
        """Anything but an answer of the kind that was asked for, no answer, or a clear 503 is a failure of the test."""
        try:
            answer = call(method, path, self.key, body, timeout=15)
        except (OSError, http.client.HTTPException):
            self.statuses["none"] += 1
            return None
        self.statuses[answer.status] += 1
        if answer.status >= 500:
            problem = answer.json()
            assert answer.status == 503 and problem["code"] in {"unavailable", "draining"}, (answer.status, problem)
            assert int(answer.headers["Retry-After"]) >= 1, dict(answer.headers)
            assert problem["detail"].endswith("."), problem
        return answer

    def wait_for(self, url, scan):
        def over():
            answer = self.ask("GET", f"{url}/pqc/scan/{scan}")
            return answer is not None and answer.status == 200 and answer.json()["status"] == "success"
        wait_until(over, 120, f"scan {scan}")

    def readiness(self, url):
        """The status of /readyz; None if there was no answer."""
        answer = self.ask("GET", url + "/readyz")
        return answer and answer.status

    def recovers(self, url):
        """Ready and writing again by itself, in time."""
        begun = time.monotonic()
        wait_until(lambda: self.readiness(url) == 200 and self.share(url), 30, "recovery")
        took = time.monotonic() - begun
        self.slowest = max(self.slowest, took)
        assert took <= RECOVERS_WITHIN_S or took <= RECOVERS_WITHIN_S * slowness(), took

    def promises_hold(self, url):
        for token in self.links:
            answer = call("GET", f"{url}/r/{token}")
            assert answer.status == 200, (token[:10], answer.status, answer.body)
        for scan in self.scans:
            self.wait_for(url, scan)
        # The thread that verifies is started by the first who asks; where memory is short, not at once.
        state = wait_until(lambda: (answer := self.ask("GET", f"{url}/pqc/verify/{self.scan}")) and answer.status == 200 and answer, 5,
                           "verification")
        assert state.json()["verdict"] == "valid", state.body
        self.links.clear()  # looked at; what comes is looked at the next time
        self.scans.clear()

    def begin_again(self):
        with Service(self.carnet, self.data, *FLAGS) as service:
            self.promises_hold(service.url)
            assert service.stop() == 0
        check_integrity(self.data)

    @contextlib.contextmanager
    def serving(self, *flags, **environment):
        """A service with these in its environment."""
        before = {name: os.environ.get(name) for name in environment}
        os.environ.update(environment)
        try:
            service = Service(self.carnet, self.data, *FLAGS, *flags)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        with service:
            yield service

    @contextlib.contextmanager
    def crowd(self, url, threads=4):
        """Others that write all the time."""
        stop = threading.Event()
        failures = []

        def work():
            while not stop.wait(0.005):
                try:
                    self.share(url)
                except AssertionError as failed:
                    failures.append(failed)
        others = [threading.Thread(target=work) for _ in range(threads)]
        for other in others:
            other.start()
        try:
            yield
        finally:
            stop.set()
            for other in others:
                other.join()
        assert not failures, failures[0]


def nth_write(stage):
    """The n-th write, truncation or sync in the data folder fails, for n = 1, 2, 3 …, with each error a disk gives."""
    count, answered = 0, 0
    for n in range(1, 40 * stage.rounds + 1):
        for number, half in ((errno.EIO, "0"), (errno.ENOSPC, "1")):
            try:
                with stage.serving(LD_PRELOAD=stage.shim, FAULT_FOLDER=stage.data, FAULT_FIRST=str(n), FAULT_CALLS="1",
                                   FAULT_ERRNO=str(number), FAULT_SHORT=half) as service:
                    for _ in range(3):
                        answered += stage.share(service.url)
                    stage.submit(service.url)
                    stage.recovers(service.url)
                    service.kill()
            except RuntimeError:
                pass  # it said at the start that it cannot, and ended
            count += 1
        if n % 10 == 0:
            stage.begin_again()
    stage.begin_again()
    return f"{count} failures, {answered} answered while they came"


def broken_disk(stage):
    """Every write fails for a while, then none."""
    flag = pathlib.Path(stage.folder, "broken")
    for number in (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS) * stage.rounds:
        with stage.serving(LD_PRELOAD=stage.shim, FAULT_FOLDER=stage.data, FAULT_WHILE=str(flag), FAULT_ERRNO=str(number),
                           FAULT_SHORT="0") as service, stage.crowd(service.url):
            assert stage.share(service.url)
            flag.touch()
            wait_until(lambda: not stage.share(service.url), 5, "a refusal")
            wait_until(lambda: stage.readiness(service.url) == 503, 5, "readyz to notice")
            assert stage.ask("GET", f"{service.url}/r/{stage.links[0]}").status == 200  # what is there can be read
            flag.unlink()
            stage.recovers(service.url)
        stage.begin_again()


def full_disk(stage):
    """A small disk, really full, and room again."""
    if os.getuid() != 0:
        return "skipped: mounting a small disk needs root"
    small = pathlib.Path(stage.folder, "small")
    small.mkdir()
    used = sum(path.stat().st_size for path in pathlib.Path(stage.data).rglob("*") if path.is_file())
    room = f"size={used + (6 << 20)}"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", room, "carnet-test", small], check=False).returncode != 0:
        return "skipped: no file system may be mounted here"
    try:
        subprocess.run(["cp", "-a", stage.data, f"{small}/data"], check=True)
        stage.data = f"{small}/data"
        ballast = small / "ballast"
        for _ in range(stage.rounds):
            with stage.serving() as service:
                with stage.crowd(service.url):
                    with open(ballast, "wb") as file, contextlib.suppress(OSError):
                        while True:
                            file.write(b"\0" * 65536)
                            file.flush()
                    wait_until(lambda: not stage.share(service.url), 60, "the disk to be full")
                    ballast.unlink()
                    stage.recovers(service.url)
                assert service.stop() == 0
        stage.begin_again()
    finally:
        subprocess.run(["umount", "--lazy", small], check=False)
        stage.data = f"{stage.folder}/data"
    return None


def few_descriptors(stage):
    """The limit on open files is reached by idle connections; those that come are refused or wait, and nothing dies."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (96, hard))
    try:
        service = Service(stage.carnet, stage.data, *FLAGS)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with service:
        for _ in range(3 * stage.rounds):
            idle = []
            for _ in range(150):
                with contextlib.suppress(OSError):
                    idle.append(socket.create_connection(service.url.removeprefix("http://").split(":"), 1))
            with contextlib.suppress(AssertionError):
                wait_until(lambda: stage.share(service.url), 0.3, "an answer, or none", patience=1)
            assert service.child.poll() is None
            for one in idle:
                one.close()
            stage.recovers(service.url)
        stage.promises_hold(service.url)
        assert service.stop() == 0


def little_memory(stage):
    """Little memory, which large requests do not fit into: they are refused, small ones go on."""
    def limited():
        resource.setrlimit(resource.RLIMIT_DATA, (280 << 20, 280 << 20))
    before = subprocess.Popen
    try:
        subprocess.Popen = lambda *given, **named: before(*given, preexec_fn=limited, **named)
        service = Service(stage.carnet, stage.data, *FLAGS)
    finally:
        subprocess.Popen = before
    with service:
        # 24 MiB of something that is read to its end and refused for what it says.
        large = b"-----BEGIN NOTHING-----\n" + b"A" * (24 << 20)
        for _ in range(2 * stage.rounds):
            def upload(large=large):
                try:
                    answer = call("POST", f"{service.url}/pqc/upload-bundle", stage.key, large, {"Content-Type": "application/x-pem-file"})
                except (OSError, http.client.HTTPException) as gone:
                    stage.statuses[f"upload {type(gone).__name__}"] += 1
                    return
                stage.statuses[f"upload {answer.status}"] += 1
                assert answer.status in (201, 413, 415, 422, 503), (answer.status, answer.body)
            crowd = [threading.Thread(target=upload) for _ in range(8)]
            for one in crowd:
                one.start()
            for one in crowd:
                one.join()
            assert service.child.poll() is None, "it died"
            stage.recovers(service.url)
        stage.promises_hold(service.url)
        assert service.stop() == 0


def jumping_clock(stage):
    """The wall clock steps back and forward under scans, links and leases."""
    library = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
    if library is None:
        return "skipped: the package faketime is not installed"
    offset = pathlib.Path(stage.folder, "clock")
    offset.write_text("+0s", encoding="ascii")
    with stage.serving(LD_PRELOAD=library, FAKETIME_TIMESTAMP_FILE=str(offset), FAKETIME_DONT_FAKE_MONOTONIC="1",
                       FAKETIME_NO_CACHE="1") as service:
        scans = []
        for jump in ("-1h", "+3h", "+0s", "-10d", "+2d", "+0s") * stage.rounds:
            scans.append(stage.submit(service.url))
            offset.write_text(jump, encoding="ascii")
            assert stage.share(service.url), jump
            token = stage.links[-1]
            assert call("GET", f"{service.url}/r/{token}").status == 200, jump
            assert stage.readiness(service.url) == 200
            scans.append(stage.submit(service.url))
            for scan in scans:
                stage.wait_for(service.url, scan)
        offset.write_text("+0s", encoding="ascii")
        ids = [s["scanId"] for s in call("GET", service.url + "/tenant/scans?limit=100", stage.key).json()["scans"]]
        assert len(ids) == len(set(ids)) and set(scans) <= set(ids)
        for scan in scans:
            done = [e for e in call("GET", f"{service.url}/pqc/scan/{scan}", stage.key).json()["timeline"] if e["key"] == "finished"]
            assert len(done) == 1, (scan, done)
        stage.links.clear()  # made at other times, they may have expired by now
        assert service.stop() == 0
    stage.begin_again()
    return None


def killed(stage):
    """kill -9 at any moment of a stream of writes."""
    for _ in range(10 * stage.rounds):
        with stage.serving() as service:
            with stage.crowd(service.url):
                threading.Event().wait(stage.dice.uniform(0.05, 0.4))  # the moment of the kill
                service.kill()
    stage.begin_again()


# ---- PostgreSQL

def cluster():
    return harness._Postgresql.cluster  # noqa: SLF001 the harness starts it with the first database


def server_crash(stage):
    """`pg_ctl stop -m immediate` under load, and a start."""
    for _ in range(3 * stage.rounds):
        with stage.serving() as service:
            with stage.crowd(service.url):
                wait_until(lambda: len(stage.links) > 20, 30, "some writes")
                cluster().pg_ctl("stop", "-m", "immediate")
                wait_until(lambda: not stage.share(service.url), 5, "a refusal")
                wait_until(lambda: stage.readiness(service.url) == 503, 5, "readyz to notice")
                assert stage.ask("GET", service.url + "/healthz").status == 200
                cluster().pg_ctl("start")
                stage.recovers(service.url)
            stage.promises_hold(service.url)
            assert service.stop() == 0
    stage.begin_again()


def server_away(stage):
    """No database for a while: a minute in a long run."""
    with stage.serving() as service:
        with stage.crowd(service.url):
            cluster().pg_ctl("stop", "-m", "fast")
            until = time.monotonic() + (60 if stage.rounds > 1 else 8)
            while time.monotonic() < until:
                begun = time.monotonic()
                assert not stage.share(service.url)
                took = time.monotonic() - begun
                assert took < 11 or took < 11 * slowness(), "a refusal that takes that long is no answer"
            cluster().pg_ctl("start")
            stage.recovers(service.url)
        stage.promises_hold(service.url)
        assert service.stop() == 0
    stage.begin_again()


class Cutter:
    """A proxy to PostgreSQL that cuts the n-th message of one direction in the middle, and every connection with it."""

    def __init__(self, socket_path):
        self.target, self.count, self.cut_at, self.side = socket_path, 0, None, 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def arm(self, cut_at, side):
        with self.lock:
            self.count, self.cut_at, self.side = 0, cut_at, side

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.target)
            except OSError:
                client.close()
                continue
            for side, (source, sink) in enumerate(((client, server), (server, client))):
                threading.Thread(target=self.pump, args=(source, sink, side), daemon=True).start()

    def pump(self, source, sink, side):
        with contextlib.suppress(OSError):
            while True:
                piece = source.recv(65536)
                if not piece:
                    break
                with self.lock:
                    if side == self.side:
                        self.count += 1
                    cut = self.cut_at is not None and side == self.side and self.count == self.cut_at
                    if cut:
                        self.cut_at = None
                if cut:
                    sink.sendall(piece[:len(piece) // 2])
                    break
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()


def cut_connections(stage):
    """The n-th message to or from the database is cut in half, for n = 1, 2, 3 …"""
    name = harness._Postgresql.name(stage.data)  # noqa: SLF001
    cutter = Cutter(f"{cluster().folder}/.s.PGSQL.{cluster().port}")
    try:
        with stage.serving("--database", cluster().url(name, port=cutter.port)) as service:
            for n in range(1, 40 * stage.rounds + 1):
                for side in (0, 1):
                    cutter.arm(n, side)
                    for _ in range(4):
                        stage.share(service.url)
                    stage.submit(service.url)
                    wait_until(lambda: cutter.cut_at is None or stage.share(service.url) is None, 10, "the cut")
                    stage.recovers(service.url)
            stage.promises_hold(service.url)
            assert service.stop() == 0
    finally:
        cutter.close()
    stage.begin_again()


BOTH = (few_descriptors, little_memory, jumping_clock, killed)
CASES = BOTH + ((server_crash, server_away, cut_connections) if ON_POSTGRESQL else (nth_write, broken_disk, full_disk))


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("carnet")
    options.add_argument("shim")
    options.add_argument("--only", default="")
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--seed", type=int, default=int(time.time()))
    given = options.parse_args()
    print(f"seed {given.seed}")
    names = given.only.split(",") if given.only else [case.__name__ for case in CASES]
    with tempfile.TemporaryDirectory(prefix="carnet-faults-") as folder:
        stage = Stage(given.carnet, given.shim, folder, random.Random(given.seed), given.rounds)
        for case in CASES:
            if case.__name__ not in names:
                continue
            begun, stage.statuses, stage.slowest = time.monotonic(), collections.Counter(), 0.0
            said = case(stage)
            print(f"{case.__name__}: {said or 'held'} ({time.monotonic() - begun:.1f} s, recovered within {stage.slowest:.1f} s, "
                  f"answers {json.dumps(dict(stage.statuses))})", flush=True)


if __name__ == "__main__":
    sys.exit(main())
