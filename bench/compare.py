#!/usr/bin/env python3
"""Measures Carnet beside its peers in one run on loopback and prints the table of docs/benchmarks.md.

    bench/compare.py [--carnet build/release/carnet] [--loop build/release/bench/bench_sqlite_loop] [--seconds 8] [--rounds 3]

Reading a link: Carnet, nginx serving a static file of the same size, FastAPI. Creating links: Carnet, a bare loop of
grouped SQLite commits, FastAPI. Every figure is the median of the rounds, the peers taken in turn within a round; a ratio is
the median of the rounds' ratios. Start-up time and idle memory come last. Needs nginx, wrk, python3-fastapi and
python3-uvicorn (Debian). Load goes to 127.0.0.1 only; everything started here is stopped here.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
CONNECTIONS = 128
READ_FLOOR_NGINX, READ_FLOOR_FASTAPI = 0.6, 8.0
CREATE_FLOOR_LOOP, CREATE_FLOOR_FASTAPI = 0.5, 5.0
START_MS_MAX, IDLE_MIB_MAX = 150.0, 64.0


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def call(method, url, key=None, body=None):
    request = urllib.request.Request(url, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if key:
        request.add_header("Authorization", "Bearer " + key)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@contextlib.contextmanager
def process(arguments, **options):
    child = subprocess.Popen(arguments, **options)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wait_for(url):
    for _ in range(400):
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.025)
    sys.exit(f"{url} did not come up")


def serve(carnet, data):
    started = time.monotonic()
    child = subprocess.Popen(
        [carnet, "serve", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "error", "--public-rate-limit", "0",
         "--rate-limit", "1000000", "--links-per-scan", "0", "--links-per-tenant", "0"], stdout=subprocess.PIPE, text=True)
    line = child.stdout.readline()
    took_ms = (time.monotonic() - started) * 1000
    found = re.search(r"ready on (http://\S+)", line)
    if not found:
        sys.exit("carnet did not start")
    return child, found.group(1), took_ms


def wrk(url, seconds, script=None, environment=None):
    arguments = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", url]
    if script:
        arguments += ["-s", str(script)]
    out = subprocess.run(arguments, capture_output=True, text=True, env={**os.environ, **(environment or {})}, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if bad:
        sys.exit(f"{url.split('/r/')[0]}: {bad.group(1)} answers were not 2xx\n{out}")
    p99 = re.search(r"^\s+99%\s+(\S+)", out, re.MULTILINE).group(1)
    return rate, p99


def resident_mib(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def prepare(carnet, data):
    out = subprocess.run([carnet, "init", "--data", data, "--tenant", "Bench"], capture_output=True, text=True, check=True).stdout
    keys = dict(re.findall(r"(admin|operator|viewer)\s+(cnt_k_\w+)", out))
    child, base, _ = serve(carnet, data)
    try:
        scan = call("POST", base + "/pqc/scan", keys["operator"], {"scenarioId": "bank-tls-inventory", "useFixture": True})
        while True:
            state = call("GET", f"{base}/pqc/scan/{scan['scanId']}", keys["operator"])
            if state["status"] != "running":
                break
            time.sleep(0.05)
        link = call("POST", f"{base}/tenant/scans/{scan['scanId']}/share", keys["operator"], {"label": "Auditor handoff"})
        with urllib.request.urlopen(urllib.request.Request(f"{base}/r/{link['token']}", headers={"Accept": "application/json"})) as answer:
            overview = answer.read()
        tenant = call("GET", base + "/tenant/me", keys["operator"])["tenantId"]
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(15)
    return keys["operator"], scan["scanId"], link["token"], overview, tenant


def nginx_configuration(folder, port):
    return f"""
daemon off; pid {folder}/nginx.pid; error_log stderr crit; worker_processes auto;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; sendfile on; tcp_nopush on; open_file_cache max=100;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d;
  scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; root {folder}/static; default_type application/json; }}
}}
"""


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--carnet", default=str(ROOT / "build/release/carnet"))
    options.add_argument("--loop", default=str(ROOT / "build/release/bench/bench_sqlite_loop"))
    options.add_argument("--seconds", type=int, default=8)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    for program in ("nginx", "wrk"):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
            sys.exit(f"{program} is not installed; see bench/README.md")

    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder, contextlib.ExitStack() as stack:
        data = f"{folder}/data"
        key, scan_id, token, overview, tenant = prepare(given.carnet, data)
        seed = f"{folder}/seed.db"
        shutil.copy(f"{data}/carnet.db", seed)
        copies = {}
        for peer in ("fastapi", "loop"):
            copies[peer] = f"{folder}/{peer}.db"
            shutil.copy(seed, copies[peer])
        child, base, _ = serve(given.carnet, data)
        stack.callback(lambda: (child.send_signal(signal.SIGTERM), child.wait(15)))
        time.sleep(1)
        idle_mib = resident_mib(child.pid)

        os.mkdir(f"{folder}/static")
        pathlib.Path(f"{folder}/static/overview.json").write_bytes(overview)
        nginx_port, fastapi_port = free_port(), free_port()
        pathlib.Path(f"{folder}/nginx.conf").write_text(nginx_configuration(folder, nginx_port))
        os.chmod(folder, 0o755)
        os.chmod(f"{folder}/static", 0o755)
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        stack.enter_context(process([nginx, "-p", folder, "-c", f"{folder}/nginx.conf"]))
        stack.enter_context(process(
            ["/usr/bin/python3", "-m", "uvicorn", "fastapi_peer:app", "--workers", "2", "--port", str(fastapi_port), "--log-level", "error", "--no-access-log"],
            cwd=HERE, env={**os.environ, "DATABASE": copies["fastapi"], "PEPPER_FILE": f"{data}/pepper"}))
        wait_for(f"http://127.0.0.1:{nginx_port}/overview.json")
        wait_for(f"http://127.0.0.1:{fastapi_port}/r/x")

        read_urls = {"carnet": f"{base}/r/{token}", "nginx": f"http://127.0.0.1:{nginx_port}/overview.json",
                     "fastapi": f"http://127.0.0.1:{fastapi_port}/r/{token}"}
        create_urls = {"carnet": f"{base}/tenant/scans/{scan_id}/share",
                       "fastapi": f"http://127.0.0.1:{fastapi_port}/tenant/scans/{scan_id}/share"}
        reads, creates = {n: [] for n in read_urls}, {"carnet": [], "loop": [], "fastapi": []}
        latency = {}
        for _ in range(given.rounds):
            for name, url in read_urls.items():
                rate, latency[f"read {name}"] = wrk(url, given.seconds)
                reads[name].append(rate)
            for name, url in create_urls.items():
                rate, latency[f"create {name}"] = wrk(url, given.seconds, HERE / "create_share.lua", {"CARNET_BENCH_KEY": key})
                creates[name].append(rate)
            out = subprocess.run([given.loop, copies["loop"], tenant, scan_id, str(CONNECTIONS), str(given.seconds)],
                                 capture_output=True, text=True, check=True).stdout
            creates["loop"].append(float(out))
            for suffix in ("", "-wal", "-shm"):
                pathlib.Path(copies["loop"] + suffix).unlink(missing_ok=True)
            shutil.copy(seed, copies["loop"])
        loaded_mib = resident_mib(child.pid)

    starts = []
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder:
        prepare(given.carnet, f"{folder}/data")
        for _ in range(5):
            child, _, took_ms = serve(given.carnet, f"{folder}/data")
            child.send_signal(signal.SIGTERM)
            child.wait(15)
            starts.append(took_ms)

    def ratio(table, peer):
        return statistics.median(a / b for a, b in zip(table["carnet"], table[peer]))

    rows = []
    for what, table in (("read", reads), ("create", creates)):
        for name, rates in table.items():
            rows.append((what, name, f"{statistics.median(rates):,.0f}/s", latency.get(f"{what} {name}", "–"),
                         "1" if name == "carnet" else f"{ratio(table, name):.2f}"))
    print("| work | program | rate (median) | p99 | Carnet ÷ it |\n| --- | --- | --- | --- | --- |")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    start_ms = statistics.median(starts)
    print(f"\nStart to ready: {start_ms:.0f} ms (median of {len(starts)}). Idle memory: {idle_mib:.0f} MiB; after the load: {loaded_mib:.0f} MiB.\n")
    goals = [("reading ÷ nginx static", ratio(reads, "nginx"), READ_FLOOR_NGINX), ("reading ÷ FastAPI", ratio(reads, "fastapi"), READ_FLOOR_FASTAPI),
             ("creating ÷ bare SQLite loop", ratio(creates, "loop"), CREATE_FLOOR_LOOP),
             ("creating ÷ FastAPI", ratio(creates, "fastapi"), CREATE_FLOOR_FASTAPI)]
    missed = 0
    for name, value, floor in goals:
        print(f"{'reached' if value >= floor else 'MISSED '}  {name}: {value:.2f} (goal {floor})")
        missed += value < floor
    for name, value, ceiling in (("start-up ms", start_ms, START_MS_MAX), ("idle MiB", idle_mib, IDLE_MIB_MAX)):
        print(f"{'reached' if value <= ceiling else 'MISSED '}  {name}: {value:.0f} (goal at most {ceiling:.0f})")
        missed += value > ceiling
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
