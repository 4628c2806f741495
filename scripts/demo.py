#!/usr/bin/env python3
"""The part of ./run after the build: starts the server, scans, shares, prints, and serves until Ctrl-C.

It speaks to the server only through its public HTTP interface and the `carnet` program, as any user would.
"""

import argparse
import fcntl
import ipaddress
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
import demo_servers  # noqa: E402  (beside this file)
from demo_servers import Children, DemoError  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
CARNET = ROOT / "build/release/carnet"
DATA = ROOT / "carnet-data"
KEYS_FILE = DATA / "first-keys.txt"
LOG_FILE = DATA / "serve.log"
KEY_PATTERN = re.compile(r"cnt_k_[0-9A-Za-z]{48}")
FIRST_PORT, PORTS = 8080, 50
LOG_BYTES_MAX = 16 * 1024 * 1024
ATTESTATION = "Named on the command line of ./run by someone who states that these targets may be scanned."


def note(text):
    print(f"carnet: {text}", file=sys.stderr, flush=True)


# --- The server's interface ------------------------------------------------------------------------------------------


class Refused(DemoError):
    """An answer that is not 2xx, in words."""

    def __init__(self, status, problem):
        self.status = status
        self.problem = problem
        lines = [problem.get("detail") or problem.get("title") or f"the server answered {status}"]
        for entry in problem.get("errors") or []:
            lines.append(f"  {entry.get('field') or entry.get('pointer')}: {entry.get('detail')}")
        super().__init__("\n".join(lines))


class Api:
    """Calls of one key. Loopback only, so proxies of the environment are not asked."""

    def __init__(self, base, key):
        self.base = base
        self.key = key
        self.etag = None  # of the last answer
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, method, path, body=None, if_match=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        if if_match is not None:
            headers["If-Match"] = if_match
        if data is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self.base + path, data=data, headers=headers, method=method)
        try:
            with self._opener.open(request, timeout=30) as answer:
                self.etag = answer.headers.get("ETag")
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            try:
                problem = json.loads(error.read())
            except ValueError:
                problem = {}
            raise Refused(error.code, problem) from None
        except (OSError, ValueError) as error:
            raise DemoError(f"the server stopped answering ({error}); its log is {shown(LOG_FILE)}") from None


def shown(path):
    """A path as the user would type it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("../..") else relative


# --- Data folder and keys --------------------------------------------------------------------------------------------


def initialise():
    """Makes the data folder if there is none, and keeps the keys, which are shown only once, in a file of its own."""
    with open(ROOT / "build/.data.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if DATA.exists() and (not DATA.is_dir() or not os.access(DATA, os.R_OK | os.W_OK | os.X_OK)):
            raise DemoError(f"{shown(DATA)} exists but is not a folder this user may write. "
                            "Was ./run started as another user before?")
        if DATA.exists() and any(DATA.iterdir()):
            return
        done = subprocess.run([str(CARNET), "init", "--data", str(DATA), "--tenant", "Demonstration"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise DemoError(f"carnet init failed:\n{(done.stderr or done.stdout).strip()}")
        descriptor = os.open(KEYS_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(done.stdout)
        note(f"made {shown(DATA)}; the tenant's first keys are in {shown(KEYS_FILE)}, readable by you alone")


def saved_key(role):
    """The newest key of that role in the file, which begins with what `carnet init` printed; or None."""
    try:
        text = KEYS_FILE.read_text()
    except OSError:
        return None
    for line in reversed(text.splitlines()):
        key = KEY_PATTERN.search(line)
        if key and re.search(rf"\b{role}\b", line[: key.start()] + line[key.end():], re.IGNORECASE):
            return key.group()
    return None


def working_key(base, role):
    """A key of that role that the server accepts: the saved one, else a new one by the platform's own key."""
    key = saved_key(role)
    if key:
        try:
            Api(base, key).call("GET", "/tenant/me")
            return key
        except Refused as refused:
            if refused.status != 401:
                raise
    try:
        platform = Api(base, (DATA / "admin.key").read_text().strip())
    except OSError:
        raise DemoError(f"there is no {role} key in {shown(KEYS_FILE)} and no {shown(DATA / 'admin.key')} to make one with. "
                        f"Move {shown(DATA)} away to begin afresh.") from None
    tenants = platform.call("GET", "/admin/tenants").get("tenants") or []
    if not tenants:
        tenants = [platform.call("POST", "/admin/tenants", {"name": "Demonstration"})]
    issued = platform.call("POST", f"/admin/tenants/{tenants[-1]['tenantId']}/keys", {"label": "./run", "role": role})
    descriptor = os.open(KEYS_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "a") as file:
        file.write(f"  {role:<9} {issued['key']}\n")
    note(f"made a new {role} key; it is in {shown(KEYS_FILE)}")
    return issued["key"]


# --- Targets ---------------------------------------------------------------------------------------------------------


def target_parts(target):
    """(name, network) of a target as far as it can be told; the server is the one who judges whether it is well-formed."""
    text = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://", "", target)
    try:
        return None, ipaddress.ip_network(text, strict=False)
    except ValueError:
        pass
    text = text.split("/")[0].rsplit("@", 1)[-1]
    bracketed = re.match(r"^\[([^\]]+)\]", text)
    host = bracketed.group(1) if bracketed else text.rsplit(":", 1)[0] if text.count(":") == 1 else text
    try:
        return None, ipaddress.ip_network(host, strict=False)
    except ValueError:
        host = host.rstrip(".").lower()
        # What cannot be a name needs no attestation: the server will say what is wrong with it.
        return (host if re.fullmatch(r"[\w-]+(?:\.[\w-]+)*", host) else None), None


def special_purpose(network):
    return not (network.network_address.is_global and network.broadcast_address.is_global)


def reach(targets):
    """What the server must be told so that these targets may be scanned: (allow, domains, cidrs).

    `allow` is special-purpose address space, which only whoever starts the server can open; the rest is what the tenant
    attests to.
    """
    allow, domains, cidrs = {"127.0.0.0/8", "::1/128"}, set(), set()
    for target in targets:
        name, network = target_parts(target)
        if network is not None:
            (allow if special_purpose(network) else cidrs).add(str(network))
        elif name is not None:
            domains.add(name)
            try:
                found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError):
                found = []  # the scan itself will say that the name does not resolve
            for entry in found:
                address = ipaddress.ip_network(entry[4][0].split("%")[0])
                if special_purpose(address):
                    allow.add(str(address))
    return sorted(allow), domains, cidrs


def attest(base, domains, cidrs):
    """Adds to the tenant's authorised targets what is missing there."""
    if not domains and not cidrs:
        return
    admin = Api(base, working_key(base, "admin"))
    now = admin.call("GET", "/tenant/authorized-targets")
    known_domains, known_cidrs = now.get("domains") or [], now.get("cidrs") or []
    if domains <= set(known_domains) and cidrs <= set(known_cidrs):
        return
    admin.call("PUT", "/tenant/authorized-targets", {
        "domains": known_domains + sorted(domains - set(known_domains)),
        "cidrs": known_cidrs + sorted(cidrs - set(known_cidrs)),
        "attestation": now.get("attestation") or ATTESTATION,
    }, if_match=admin.etag)


# --- Server ----------------------------------------------------------------------------------------------------------


def open_log():
    if LOG_FILE.exists() and LOG_FILE.stat().st_size > LOG_BYTES_MAX:
        LOG_FILE.replace(LOG_FILE.with_suffix(".log.1"))
    descriptor = os.open(LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.fdopen(descriptor, "ab")


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            # Listening too: another server's SO_REUSEPORT socket may allow the bind alone.
            probe.listen(1)
        except OSError:
            return False
    return True


def start_server(children, allow):
    """Starts `carnet serve` on the first free port; gives (process, base URL)."""
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        if not port_is_free(port):
            continue
        with open_log() as log:
            began = log.tell()
            process = children.start([str(CARNET), "serve", "--listen", f"127.0.0.1:{port}", "--data", str(DATA),
                                      "--allow-targets", ",".join(allow)],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        for line in process.stdout:
            ready = re.search(r"carnet ready on (http://\S+)", line)
            if ready:
                # Whatever else it may say there must not fill the pipe.
                threading.Thread(target=process.stdout.read, daemon=True).start()
                return process, ready.group(1).rstrip("/")
        process.wait()
        children.stop(process)
        with open(LOG_FILE, "rb") as log:
            log.seek(began)
            words = log.read(8192).decode(errors="replace").strip()
        # Somebody else took the port between the look and the start.
        if not port_is_free(port):
            continue
        raise DemoError(f"the server did not start (exit {process.returncode}):\n{words}")
    raise DemoError(f"no port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is free on 127.0.0.1")


# --- Scan ------------------------------------------------------------------------------------------------------------


class Progress:
    """A bar on a terminal; elsewhere one line at the end."""

    def __init__(self):
        self._tty = sys.stderr.isatty()
        self._last = None

    def show(self, done, total, what):
        if not self._tty:
            return
        width = 30
        filled = width * done // total if total else 0
        line = f"\rscanning [{'#' * filled}{'.' * (width - filled)}] {done}/{total or '?'} {what}"
        columns = shutil.get_terminal_size().columns
        if line != self._last:
            print(line[:columns].ljust(columns), end="", file=sys.stderr, flush=True)
            self._last = line

    def clear(self):
        if self._tty and self._last:
            print("\r" + " " * shutil.get_terminal_size().columns + "\r", end="", file=sys.stderr, flush=True)


def scan(api, server, targets):
    """Submits, waits, and gives the finished scan's document."""
    started = api.call("POST", "/pqc/scan", {"targets": targets, "label": "./run"})
    scan_id = started["scanId"]
    if started.get("summary"):
        note(started["summary"])
    progress = Progress()
    try:
        while True:
            document = api.call("GET", f"/pqc/scan/{scan_id}")
            if document["status"] != "running":
                break
            counts = document.get("progress") or {}
            timeline = document.get("timeline") or [{}]
            progress.show(int(counts.get("done") or 0), int(counts.get("total") or 0), timeline[-1].get("label") or "")
            if server.poll() is not None:
                raise DemoError(f"the server ended (exit {server.returncode}); its log is {shown(LOG_FILE)}")
            time.sleep(0.2)
    finally:
        progress.clear()
    if document["status"] != "success":
        raise DemoError(f"the scan ended as {document['status']}: {document.get('detail') or document.get('error') or 'no reason was given'}")
    return document


# --- Printing --------------------------------------------------------------------------------------------------------

COLOURS = {"broken": "31", "at-risk": "33", "safe": "32"}
WORST_FIRST = ["broken", "at-risk", "unknown", "safe"]


def coloured(text, status):
    if status in COLOURS and sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        return f"\033[{COLOURS[status]}m{text}\033[0m"
    return text


def asset_text(assets, exposure):
    names = []
    for asset in assets:
        if asset.get("exposure") == exposure and asset.get("algorithm") not in names:
            names.append(asset.get("algorithm"))
    return ", ".join(str(name) for name in names) or "–"


def table_rows(document):
    by_endpoint = {}
    for asset in document.get("assets") or []:
        by_endpoint.setdefault(asset.get("endpointId"), []).append(asset)
    reasons = {(entry.get("host"), entry.get("port")): entry.get("reason")
               for entry in (document.get("coverage") or {}).get("unreached") or []}
    rows = []
    for endpoint in document.get("endpoints") or []:
        host, port = endpoint.get("host"), endpoint.get("port")
        if not endpoint.get("reached", True):
            rows.append((host, port, "–", "–", f"not reached: {reasons.get((host, port)) or 'no answer'}"))
            continue
        assets = by_endpoint.get(endpoint.get("id"), [])
        statuses = {(asset.get("vulnerability") or {}).get("status") for asset in assets}
        worst = next((status for status in WORST_FIRST if status in statuses), "unknown")
        rows.append((host, port, asset_text(assets, "key-establishment"), asset_text(assets, "authentication"), worst))
    listed = {(row[0], row[1]) for row in rows}
    rows += [(host, port, "–", "–", f"not reached: {reason}") for (host, port), reason in reasons.items() if (host, port) not in listed]
    return rows


def print_table(rows):
    heads = ("HOST", "PORT", "KEY ESTABLISHMENT", "AUTHENTICATION", "STATUS")
    cells = [heads, *[tuple(str(value) for value in row) for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for number, row in enumerate(cells):
        line = "  ".join(value.ljust(width) for value, width in zip(row[:-1], widths))
        print("  " + line + "  " + (row[-1] if number == 0 else coloured(row[-1], row[-1])))


def print_result(base, key, document, share):
    print()
    print_table(table_rows(document))
    print()
    band = document.get("readinessBand") or "no band"
    print(f"  Readiness {document.get('readinessScore')} of 100 · {band}")
    mosca = (document.get("mosca") or {}).get("summary")
    if mosca:
        print(f"  {mosca}")
    print()
    print(f"  link      {share['url']}")
    print(f"            a passport, open until {share['expiresAt']}; shown this once")
    print(f"  API key   {key}")
    print(f"            role operator, from {shown(KEYS_FILE)}")
    print("  next      share it again:")
    print(f"            curl -X POST {base}/tenant/scans/{document['scanId']}/share \\")
    print(f"              -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\")
    print("              -d '{\"label\":\"Auditor handoff\",\"scope\":\"passport\"}'")
    print(flush=True)


# --- The whole -------------------------------------------------------------------------------------------------------


def work(arguments, children, folder):
    initialise()
    targets, names = arguments.targets, {}
    if not targets:
        note("no target given: starting three demonstration servers on loopback")
        for name, port in demo_servers.start_all(ROOT, folder, children, note):
            names[port] = name
            note(f"  {name} on 127.0.0.1:{port}")
        targets = [f"127.0.0.1:{port}" for port in names]
    allow, domains, cidrs = reach(arguments.targets)
    server, base = start_server(children, allow)
    note(f"serving on {base}; the log is {shown(LOG_FILE)}")
    key = working_key(base, "operator")
    attest(base, domains, cidrs)
    api = Api(base, key)
    document = scan(api, server, targets)
    share = api.call("POST", f"/tenant/scans/{document['scanId']}/share", {"label": "Auditor handoff", "scope": "passport"})
    print_result(base, key, document, share)
    if arguments.once:
        note(f"ending, as asked; the link opens again after: {shown(CARNET)} serve --data {shown(DATA)} --listen {base[7:]}")
        return 0
    note(f"serving on {base} until Ctrl-C")
    code = server.wait()
    note(f"the server ended by itself (exit {code}); its log is {shown(LOG_FILE)}")
    return 1


class Interrupted(Exception):
    pass


def main():
    parser = argparse.ArgumentParser(prog="./run")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("targets", nargs="*")
    arguments = parser.parse_args()

    def interrupt(number, _frame):
        # Once is enough: a second Ctrl-C must not cut the orderly end short.
        for again in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(again, signal.SIG_IGN)
        raise Interrupted(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    children = Children()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="carnet-demo."))
    try:
        return work(arguments, children, folder)
    except Interrupted as stop:
        note("stopping")
        return 0 if stop.args[0] == signal.SIGINT else 128 + stop.args[0]
    except DemoError as problem:
        note(str(problem))
        return 1
    finally:
        children.stop_all()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
