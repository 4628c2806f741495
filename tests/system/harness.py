"""Starts, stops and calls the real program. Every process is on loopback, on a port the system chose, and ended by pid."""

import atexit
import hashlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pg_cluster


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


def call(method, url, key=None, body=None, headers=None, timeout=60):
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, method=method, data=data)
    if data is not None:
        request.add_header("Content-Type", "application/json")
    if key:
        request.add_header("Authorization", "Bearer " + key)
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


# Taken out, because Carnet refuses what begins like its settings and is none.
ON_POSTGRESQL = os.environ.pop("CARNET_TEST_DATABASE", "sqlite") == "postgresql"


class _Postgresql:
    """One server for the test, started with the first database; a database for each data folder."""
    cluster = None
    names = {}

    @classmethod
    def name(cls, data):
        if not cls.cluster:
            cls.cluster = pg_cluster.Cluster()
            atexit.register(cls.cluster.stop)
        if str(data) not in cls.names:
            cls.names[str(data)] = cls.cluster.create_database()
        return cls.names[str(data)]


def database_flags(data):
    """What tells Carnet where the rows of this data folder are; nothing for SQLite, which is where they are by default."""
    if not ON_POSTGRESQL:
        return []
    name = _Postgresql.name(data)
    return ["--database", _Postgresql.cluster.url(name)]


def check_integrity(data):
    """Nothing in the database of this data folder is damaged: SQLite's own check, or PostgreSQL's pg_amcheck."""
    if ON_POSTGRESQL:
        cluster, name = _Postgresql.cluster, _Postgresql.name(data)
        subprocess.run([f"{cluster.programs}/pg_amcheck", "--install-missing", "--heapallindexed", "--parent-check", "-d", name],
                       check=True, env=cluster.environment())
        return
    check = sqlite3.connect(f"{data}/carnet.db")
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not check.execute("PRAGMA foreign_key_check").fetchall()
    check.close()


def init(carnet, data, tenant="Test"):
    out = subprocess.run([carnet, "init", "--data", data, "--tenant", tenant, *database_flags(data)], capture_output=True, text=True,
                         check=True).stdout
    return dict(re.findall(r"(admin|operator|viewer)\s+(cnt_k_\w+)", out))


def sanitized(carnet):
    """Whether the program was built with a sanitizer, whose memory is not the program's."""
    # Not read by this process: a child's peak begins with its parent's.
    return subprocess.run(["grep", "-q", "-e", "__asan_init", "-e", "__tsan_init", carnet]).returncode == 0


def run(carnet, *arguments, timeout=120, **environment):
    """A command to its end, with none of the caller's CARNET_ variables."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CARNET_")}
    return subprocess.run([carnet, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env={**clean, **environment})


class Service:
    """`carnet serve` on a port of its own."""

    def __init__(self, carnet, data, *flags, log=subprocess.DEVNULL, listen="127.0.0.1:0"):
        database = [] if "--database" in flags else database_flags(data)
        targets = [] if "--allow-targets" in flags else ["--allow-targets", "127.0.0.0/8"]
        self.child = subprocess.Popen(
            [carnet, "serve", "--data", data, "--listen", listen, *targets, *database, *flags],
            stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.child.stdout.readline()
        found = re.search(r"carnet ready on (http://\S+)", line)
        if not found:
            self.child.wait(60)
            raise RuntimeError(f"no ready line, exit {self.child.returncode}")
        self.url = found.group(1)

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def stop(self):
        """SIGTERM; gives the exit code."""
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.kill()
        self.child.stdout.close()


class TlsServer:
    """`openssl s_server` with a throw-away ECDSA certificate: a real classical TLS endpoint."""

    def __init__(self, folder, *flags):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
             "-subj", "/CN=localhost", "-keyout", f"{folder}/tls.key", "-out", f"{folder}/tls.crt"], check=True, capture_output=True)
        self.port, self.child = start_on_free_port(lambda port: subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-key", f"{folder}/tls.key", "-cert", f"{folder}/tls.crt",
             "-quiet", "-www", *flags], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()


def can_connect(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


def own_address():
    """One of this machine's that is not loopback, which mail needs STARTTLS for; None if it has none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        found = probe.getsockname()[0]
        return None if found.startswith("127.") else found


def start_on_free_port(start):
    """(port, process) of `start(port)` that listens there. What is free now may be taken before it listens; then another is tried."""
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        child = start(port)
        wait_until(lambda: child.poll() is not None or can_connect(port), 10, f"{child.args[0]} to listen")  # noqa: B023
        if child.poll() is None:
            return port, child
    raise RuntimeError(f"{child.args[0]} ends again and again, the last time with {child.returncode}")


def slowness():
    """How many times longer than on a machine of two idle cores work takes here and now, at least 1. For promises about time, which are
    made for such a machine."""
    def once():
        begun = time.perf_counter()
        hashlib.sha256(bytes(8 << 20)).digest()  # without the interpreter's lock
        return time.perf_counter() - begun
    return max(1.0, max(once() for _ in range(5)) / 0.006)


# How much longer than in an idle moment something may take before it is given up: the machine may be slow, and busy with other tests.
PATIENCE = 6


def wait_until(condition, seconds, what, patience=PATIENCE):
    """Gives up after `seconds` times `patience`. A promise about time says patience=1 and looks at the clock itself."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds * patience
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        pause.wait(0.02)
    raise AssertionError(f"waited {seconds * patience} s in vain for {what}")
