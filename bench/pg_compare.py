#!/usr/bin/env python3
"""Measures Carnet on PostgreSQL beside pgbench that runs the same statements, and two instances beside one. Prints the tables of
docs/benchmarks.md; exits 1 when a goal is missed.

    bench/pg_compare.py [--carnet build/release/carnet] [--seconds 8] [--rounds 3] [--connections 12]

- **Authenticated reads**: GET /tenant/scans/{id} with an API key, from `wrk`. Every request costs PostgreSQL the key's row, one
  count of its allowance and a transaction that reads the scan. pgbench sends the statements of one request as one pipeline a
  transaction, prepared, on as many connections as Carnet's pool has.
- **Making links**: POST /tenant/scans/{id}/share. The key's row and the allowance again, and one transaction that looks at the scan
  and inserts the link and its audit entry, durable.
- **Two instances** beside one, behind nginx, where PostgreSQL is not what limits: a link's passcode is checked (Argon2id).

The server is a private one, durable (fsync on). Every figure is the median of the rounds, the programs taken in turn within a round; a
ratio is the median of the rounds' ratios. Needs Debian's postgresql, nginx and wrk. Load stays on this machine.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tests/system"))
from compare import call, free_port, process, wait_for  # noqa: E402
from history_bench import sample_scan, serving  # noqa: E402
from pg_cluster import Cluster  # noqa: E402

CLIENTS = 128
RATIO_MIN = 0.7
INSTANCES_MIN = 1.5

# pgbench's variables become parameters of prepared statements. What does not depend on an answer travels with what follows it, as with
# Carnet. Carnet counts all requests that wait in one statement; here each counts itself, in a row of its own connection's.
ASKED = """\\startpipeline
BEGIN;
SELECT set_config('carnet.tenant', '*', true);
SELECT k.public_id, k.id, k.tenant_id, k.secret_mac, k.hint, k.label, k.role, k.rate_per_minute, k.created_at, k.expires_at,
 k.revoked_at, k.last_used_at, t.name FROM api_keys k JOIN tenants t ON t.id = k.tenant_id WHERE k.public_id = '{public_id}';
INSERT INTO allowances AS kept (name, at, spacing, tolerance, asked, granted, arrival)
 SELECT name, at, spacing, tolerance, asked, least(asked, tolerance / spacing), at + least(asked, tolerance / spacing) * spacing FROM
 (SELECT name, spacing, tolerance, asked, CAST(extract(epoch FROM clock_timestamp()) * 1000000000 AS BIGINT) AS at FROM
 json_to_recordset(json_build_array(json_build_object('name', CAST(:client_id AS TEXT), 'spacing', 60000, 'tolerance', 12000000000,
 'asked', 1))) AS given (name TEXT, spacing BIGINT, tolerance BIGINT, asked BIGINT)) AS wanted ORDER BY name
 ON CONFLICT (name) DO UPDATE SET at = excluded.at, spacing = excluded.spacing, tolerance = excluded.tolerance, asked = excluded.asked,
 granted = least(excluded.asked, greatest(0, (excluded.at + excluded.tolerance - greatest(excluded.at, kept.arrival)) / excluded.spacing)),
 arrival = greatest(excluded.at, kept.arrival) + excluded.spacing * least(excluded.asked, greatest(0, (excluded.at + excluded.tolerance
 - greatest(excluded.at, kept.arrival)) / excluded.spacing)) RETURNING name, granted, arrival - at;
COMMIT;
\\endpipeline
"""
FOUND = """SELECT set_config('carnet.tenant', '{tenant}', true);
SELECT id, tenant_id, status, label, target, profile, sample, pinned, request, error_detail, progress_done, progress_total,
 readiness_score, readiness_band, asset_count, created_at, started_at, finished_at, cancel_requested, attempts FROM scans
 WHERE id = '{scan}' AND tenant_id = '{tenant}';
"""
READ = ASKED + "\\startpipeline\nBEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n" + FOUND + "ROLLBACK;\n\\endpipeline\n"
CREATE = "\\set n :n + 1\n" + ASKED + "\\startpipeline\nBEGIN;\n" + FOUND + """\\endpipeline
\\startpipeline
INSERT INTO shares (public_id, id, tenant_id, scan_id, secret_mac, hint, scope, label, recipient, passcode_hash, max_views, view_count,
 paused, revision, created_by, created_at, expires_at, revoked_at, last_viewed_at)
 VALUES (concat('p', CAST(:client_id AS TEXT), '-', CAST(:run AS TEXT), '-', CAST(:n AS TEXT)),
 concat('share_', CAST(:client_id AS TEXT), '-', CAST(:run AS TEXT), '-', CAST(:n AS TEXT)), '{tenant}', '{scan}', '\\x{mac}', 'abcd',
 'passport', 'Auditor handoff', '', NULL, NULL, 0, 0, 1, '{key_id}', 1700000000000, 1900000000000, NULL, NULL);
INSERT INTO audit (id, tenant_id, at, actor, action, subject, request_id, detail)
 VALUES (concat('aud_', CAST(:client_id AS TEXT), '-', CAST(:run AS TEXT), '-', CAST(:n AS TEXT)), '{tenant}', 1700000000000, '{key_id}',
 'share.create', concat('share_', CAST(:client_id AS TEXT), '-', CAST(:run AS TEXT), '-', CAST(:n AS TEXT)), 'req_0123456789abcdef',
 '{detail}');
COMMIT;
\\endpipeline
"""
# For wrk. Every request carries the next of several keys, or opens the next of several links.
CALLS = """local lines = {}
for line in io.lines(os.getenv("CARNET_BENCH_LINES")) do lines[#lines + 1] = line end
local at, work = 0, os.getenv("CARNET_BENCH_WORK")
request = function()
  at = at % #lines + 1
  if work == "open" then
    return wrk.format("POST", lines[at], {["Content-Type"] = "application/json"}, '{"passcode":"correct horse battery"}')
  end
  local headers = {["Authorization"] = "Bearer " .. lines[at], ["Content-Type"] = "application/json"}
  if work == "read" then return wrk.format("GET", nil, headers) end
  return wrk.format("POST", nil, headers, '{"label":"Auditor handoff","scope":"passport"}')
end
"""


def fill(script, words):
    for name, value in words.items():
        script = script.replace("{" + name + "}", value)
    return script


def wrk(url, seconds, folder, work, lines, clients):
    pathlib.Path(folder, "calls.lua").write_text(CALLS)
    pathlib.Path(folder, "lines").write_text("\n".join(lines) + "\n")
    out = subprocess.run(["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "10", "--latency", "-s", f"{folder}/calls.lua", url],
                         capture_output=True, text=True, check=True,
                         env={**os.environ, "CARNET_BENCH_LINES": f"{folder}/lines", "CARNET_BENCH_WORK": work}).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if bad:
        sys.exit(f"{work}: {bad.group(1)} answers were not 2xx\n{out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), re.search(r"^\s+99%\s+(\S+)", out, re.MULTILINE).group(1)


def pgbench(cluster, name, script, seconds, connections, folder, run):
    path = pathlib.Path(folder, "script.sql")
    path.write_text(script)
    done = subprocess.run([f"{cluster.programs}/pgbench", "-n", "-M", "prepared", "-c", str(connections), "-j", "1", "-T", str(seconds), "-D",
                           "n=0", "-D", f"run={run}", "-f", str(path), name], capture_output=True, text=True,
                          env={**cluster.environment("carnet"), "PGOPTIONS": "-c role=carnet_app"})
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode or not found:
        sys.exit(f"pgbench failed\n{done.stderr[:2000]}")
    return float(found.group(1))


def make_tenant(given, data, arguments):
    """A tenant with a scan and sixteen keys: (keys, scan id, tenant id)."""
    out = subprocess.run([given.carnet, "init", "--data", data, *arguments[:2], "--tenant", "Bench"], capture_output=True, text=True,
                         check=True)
    key = re.search(r"operator\s+(cnt_k_\w+)", out.stdout).group(1)
    platform = pathlib.Path(data, "admin.key").read_text().strip()
    with serving(given.carnet, data, arguments) as address:
        scan = sample_scan(f"http://{address}", key)
        tenant = call("GET", f"http://{address}/tenant/me", key)["tenantId"]
        keys = [call("POST", f"http://{address}/admin/tenants/{tenant}/keys", platform, {"label": f"k{n}", "role": "operator"})["key"]
                for n in range(16)]
    return keys, scan, tenant


def beside_pgbench(given, cluster, folder):
    """Rates of reading and creating, Carnet's and pgbench's, round by round."""
    name = cluster.create_database()
    arguments, data = ["--database", cluster.url(name), "--database-connections", str(given.connections)], f"{folder}/compare"
    keys, scan, tenant = make_tenant(given, data, arguments)
    public_id, key_id = cluster.sql(name, "SELECT public_id, id FROM api_keys ORDER BY id LIMIT 1").split("|")
    words = {"public_id": public_id, "key_id": key_id, "tenant": tenant, "scan": scan, "mac": "ab" * 32,
             "detail": json.dumps({"scanId": scan, "scope": "passport", "label": "Auditor handoff", "expiresAt": "2026-12-24T13:34:24.000Z"})}
    scripts = {"read": fill(READ, words), "create": fill(CREATE, words)}
    rates, latency = {work: {"Carnet": [], "pgbench": []} for work in scripts}, {}
    for number in range(given.rounds):
        for work, script in scripts.items():
            with serving(given.carnet, data, arguments) as address:
                path = f"/tenant/scans/{scan}" + ("/share" if work == "create" else "")
                rate, latency[work] = wrk(f"http://{address}{path}", given.seconds, folder, work, keys, CLIENTS)
                rates[work]["Carnet"].append(rate)
            rates[work]["pgbench"].append(pgbench(cluster, name, script, given.seconds, given.connections, folder, number))
    return rates, latency


def front(folder, port, addresses):
    servers = "".join(f"server {address};" for address in addresses)
    pathlib.Path(folder, "nginx.conf").write_text(f"""
daemon off; pid {folder}/nginx.pid; error_log stderr crit; worker_processes 1; events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  upstream carnet {{ least_conn; {servers} keepalive 64; }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://carnet; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
}}
""")
    return [shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"), "-p", folder, "-c", f"{folder}/nginx.conf"]


def two_beside_one(given, cluster, folder):
    """Rates of opening protected links: one and two instances that may use every core, and that have one core each."""
    arguments, data = ["--database", cluster.url(cluster.create_database())], f"{folder}/instances"
    keys, scan, _ = make_tenant(given, data, arguments)
    with serving(given.carnet, data, arguments) as address:
        links = [call("POST", f"http://{address}/tenant/scans/{scan}/share", keys[0], {"label": "n", "passcode": "correct horse battery"})
                 for _ in range(32)]
    lines = [f"/r/{link['token']}/open" for link in links]
    rates = {}
    for _ in range(given.rounds):
        for cores in ("every core", "one core each"):
            for count in (1, 2):
                with contextlib.ExitStack() as stack:
                    addresses = []
                    for number in range(count):
                        carnet = [given.carnet] if cores == "every core" else ["taskset", "-c", str(number % os.cpu_count()), given.carnet]
                        addresses.append(stack.enter_context(serving(carnet, data, arguments)))
                    port = free_port()
                    stack.enter_context(process(front(folder, port, addresses)))
                    wait_for(f"http://127.0.0.1:{port}/healthz")
                    rate, _ = wrk(f"http://127.0.0.1:{port}/", given.seconds, folder, "open", lines, 16)
                    rates.setdefault((cores, count), []).append(rate)
    return rates


def ratio(over, under):
    return statistics.median(a / b for a, b in zip(over, under))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--carnet", default=str(ROOT / "build/release/carnet"))
    options.add_argument("--seconds", type=int, default=8)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--connections", type=int, default=12, help="Carnet's --database-connections and pgbench's -c")
    options.add_argument("--only", choices=("pgbench", "instances"))
    given = options.parse_args()
    goals = []
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder, \
            Cluster("fsync = on", "full_page_writes = on", "shared_buffers = 256MB", "autovacuum = on") as cluster:
        os.chmod(folder, 0o755)
        if given.only != "instances":
            rates, latency = beside_pgbench(given, cluster, folder)
            print(f"{given.connections} connections\n\n| work | program | rate (median) | p99 | Carnet ÷ it |\n| --- | --- | --- | --- | --- |")
            for work, table in rates.items():
                against = ratio(table["Carnet"], table["pgbench"])
                print(f"| {work} | Carnet | {statistics.median(table['Carnet']):,.0f}/s | {latency[work]} | 1 |")
                print(f"| {work} | pgbench | {statistics.median(table['pgbench']):,.0f}/s | – | {against:.2f} |", flush=True)
                goals.append((f"{work} ÷ pgbench", against, RATIO_MIN))
        if given.only != "pgbench":
            rates = two_beside_one(given, cluster, folder)
            print("\n| each instance may use | one | two | two ÷ one |\n| --- | --- | --- | --- |")
            for cores in ("every core", "one core each"):
                one, two = rates[cores, 1], rates[cores, 2]
                print(f"| {cores} | {statistics.median(one):.0f}/s | {statistics.median(two):.0f}/s | {ratio(two, one):.2f} |")
            goals.append(("two instances ÷ one, a core each", ratio(rates["one core each", 2], rates["one core each", 1]), INSTANCES_MIN))
    print()
    for name, value, floor in goals:
        print(f"{'reached' if value >= floor else 'MISSED '}  {name}: {value:.2f} (goal {floor})")
    return 1 if any(value < floor for _, value, floor in goals) else 0


if __name__ == "__main__":
    sys.exit(main())
