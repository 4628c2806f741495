#!/usr/bin/env python3
"""A tenant with a long history, on both databases: are lists, inventory and links still quick? Prints the table of docs/benchmarks.md.

    bench/history_bench.py [--carnet build/release/carnet] [--scans 1000000] [--endpoints SCANS/20] [--requests 60] [--database both]

Carnet makes the tenant, twenty sample scans and the links to those by itself. Then SQL adds `--scans` scans of three years, each of one
endpoint with ten assets, which are copies of real ones; one endpoint in a hundred has something broken, and nothing is of unknown
status. Every endpoint was scanned scans ÷ endpoints times. The newest 5,000 scans have a result document; of each scan one change is
kept. Then each request is sent many times, one after the other over one
connection, and its median is held against 20 ms. Exits 1 when one is slower, or when an answer is not what it must be.
`--scans 10000 --goal-ms 0` looks at the answers only and takes some seconds. A million scans need 30 GB of disk and some ten minutes. Needs Debian's postgresql.
"""

import argparse
import base64
import contextlib
import hmac
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/system"))
from compare import call  # noqa: E402
from pg_cluster import Cluster  # noqa: E402

ASSETS_PER_SCAN, BROKEN = 10, 2
RESULTS = 5_000  # scans with a stored document
YEARS_MS = 3 * 365 * 86_400_000
DAY_MS = 86_400_000
CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
SCAN_COLUMNS = ("id", "tenant_id", "status", "label", "target", "profile", "sample", "request", "progress_done", "progress_total",
                "readiness_score", "readiness_band", "asset_count", "created_at", "started_at", "finished_at", "attempts")


def uuid7(at_ms, number):
    value = (at_ms << 80) | (7 << 76) | ((number >> 16 & 0xFFF) << 64) | (2 << 62) | (number * 0x9E3779B97F4A7C15 & ((1 << 62) - 1))
    out = []
    for _ in range(26):
        out.append(CROCKFORD[value & 31])
        value >>= 5
    return "".join(reversed(out))


def history(tenant, count, endpoints, now_ms, template):
    """The rows of `scans`, oldest first. Order of endpoints within a round differs, as in life."""
    dice = random.Random(1)
    order = list(range(endpoints))
    for number in range(count):
        if number % endpoints == 0:
            dice.shuffle(order)
        at = now_ms - YEARS_MS + number * (YEARS_MS - DAY_MS) // count
        status = "error" if number % 50 == 49 else "success"
        score = 35.0 + number % 60 if status == "success" else None
        yield ("scan_" + uuid7(at, number), tenant, status, f"Nightly {number // endpoints}", f"host{order[number % endpoints]:06d}.example.org:443",
               "standard", 0, template, 1, 1, score, "fair" if score else "", ASSETS_PER_SCAN if score else 0, at, at + 500, at + 4_500, 1)


# What both databases understand. The tables template_* are made before, {t} is the tenant.
FILL = """
INSERT INTO assets (scan_id, asset_id, tenant_id, kind, host, port, status, body)
  SELECT s.id, a.asset_id, s.tenant_id, a.kind, substr(s.target, 1, 22), 443,
  CASE WHEN a.status = 'broken' AND substr(s.target, 9, 2) <> '00' THEN 'at-risk' ELSE a.status END, replace(a.body, a.host, substr(s.target, 1, 22))
  FROM scans s CROSS JOIN template_assets a WHERE s.sample = 0 AND s.status = 'success' ORDER BY s.id, a.asset_id;
INSERT INTO endpoint_latest (tenant_id, host, port, scan_id)
  SELECT tenant_id, substr(target, 1, 22), 443, max(id) FROM scans WHERE sample = 0 AND status = 'success' GROUP BY tenant_id, target;
INSERT INTO inventory_facets (tenant_id, host, port, kind, status, scan_id)
  SELECT DISTINCT e.tenant_id, e.host, e.port, CASE WHEN way.n IN (2, 4) THEN '' ELSE a.kind END,
  CASE WHEN way.n IN (1, 4) THEN '' ELSE a.status END, e.scan_id
  FROM endpoint_latest e JOIN assets a ON a.scan_id = e.scan_id AND a.host = e.host AND a.port = e.port
  CROSS JOIN (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) AS way;
INSERT INTO scan_results (scan_id, result, sha256)
  SELECT s.id, r.result, r.sha256 FROM (SELECT id FROM scans WHERE sample = 0 AND status = 'success' ORDER BY id DESC LIMIT {results}) s
  CROSS JOIN template_results r;
INSERT INTO drift_events (id, tenant_id, at, scan_id, against, host, port, asset_id, change, direction, hybrid, detail)
  SELECT 'drift_' || substr(id, 6), tenant_id, finished_at, id, '', substr(target, 1, 22), 443, 'a', 'changed',
  CASE WHEN asset_count > 0 THEN 'better' ELSE 'worse' END, '', '{{"label":"TLS 1.3","from":null,"to":null}}'
  FROM scans WHERE sample = 0 AND status = 'success';
UPDATE tenants SET scan_count = (SELECT count(*) FROM scans WHERE scans.tenant_id = tenants.id);
"""
TEMPLATES = """
CREATE TABLE template_assets AS SELECT asset_id, kind, host, status, body FROM assets
  WHERE scan_id = (SELECT min(id) FROM scans) AND status <> 'broken' ORDER BY asset_id LIMIT {assets} - {broken};
INSERT INTO template_assets SELECT asset_id, kind, host, status, body FROM assets
  WHERE scan_id = (SELECT min(id) FROM scans) AND status = 'broken' ORDER BY asset_id LIMIT {broken};
CREATE TABLE template_results AS SELECT result, sha256 FROM scan_results WHERE scan_id = (SELECT min(id) FROM scans);
"""
DROP_TEMPLATES = "DROP TABLE template_assets; DROP TABLE template_results;"


def drift_days(tenant, now_ms):
    for day in range(3 * 365):
        text = time.strftime("%Y-%m-%d", time.gmtime((now_ms - day * DAY_MS) / 1000))
        yield (tenant, text, 900, 880, 880 * 60.0, 35.0, 94.0, 61.0, 0, 5, 5, 900, 400, 300, 3, 2)


def said(step, started):
    print(f"  {step}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


class Sqlite:
    def __init__(self, folder):
        self.file = f"{folder}/data/carnet.db"
        self.arguments = []

    def load(self, tenant, given, now_ms):
        with contextlib.closing(sqlite3.connect(self.file, isolation_level=None)) as db:
            db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000;"
                             + TEMPLATES.format(assets=ASSETS_PER_SCAN, broken=BROKEN))
            request = db.execute("SELECT request FROM scans ORDER BY id LIMIT 1").fetchone()[0]
            db.execute("BEGIN")
            marks = ", ".join("?" * len(SCAN_COLUMNS))
            db.executemany(f"INSERT INTO scans ({', '.join(SCAN_COLUMNS)}) VALUES ({marks})",
                           history(tenant, given.scans, given.endpoints, now_ms, request))
            db.executemany(f"INSERT OR REPLACE INTO drift_days VALUES ({', '.join('?' * 16)})", drift_days(tenant, now_ms))
            db.execute("COMMIT")
            db.executescript("BEGIN;" + FILL.format(results=RESULTS) + DROP_TEMPLATES + "COMMIT; PRAGMA journal_mode = WAL;")

    def count(self, table):
        with contextlib.closing(sqlite3.connect(self.file)) as db:
            return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


class Postgres:
    def __init__(self, cluster):
        self.cluster, self.name = cluster, cluster.create_database()
        self.arguments = ["--database", cluster.url(self.name)]

    def copy(self, table, columns, rows):
        psql = subprocess.Popen([f"{self.cluster.programs}/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", self.name, "-c",
                                 f"COPY {table} ({', '.join(columns)}) FROM STDIN"], stdin=subprocess.PIPE, text=True,
                                env={**self.cluster.environment(), "PGOPTIONS": "-c session_replication_role=replica"})
        for row in rows:
            psql.stdin.write("\t".join(r"\N" if v is None else str(v).replace("\\", "\\\\") for v in row) + "\n")
        psql.stdin.close()
        if psql.wait():
            sys.exit(f"COPY {table} failed")

    def load(self, tenant, given, now_ms):
        self.cluster.sql(self.name, TEMPLATES.format(assets=ASSETS_PER_SCAN, broken=BROKEN))
        request = self.cluster.sql(self.name, "SELECT request FROM scans ORDER BY id LIMIT 1")
        self.copy("scans", SCAN_COLUMNS, history(tenant, given.scans, given.endpoints, now_ms, request))
        self.cluster.sql(self.name, f"DELETE FROM drift_days WHERE tenant_id = '{tenant}'")
        columns = self.cluster.sql(self.name, "SELECT string_agg(column_name, ',' ORDER BY ordinal_position) FROM "
                                              "information_schema.columns WHERE table_name = 'drift_days'").split(",")
        self.copy("drift_days", columns, drift_days(tenant, now_ms))
        self.cluster.sql(self.name, "SET session_replication_role = replica; SET synchronous_commit = off;" + FILL.format(results=RESULTS)
                         + DROP_TEMPLATES)
        self.cluster.sql(self.name, "VACUUM (ANALYZE)")  # what the server does by itself in time

    def count(self, table):
        return int(self.cluster.sql(self.name, f"SELECT count(*) FROM {table}"))


@contextlib.contextmanager
def serving(carnet, data, arguments):
    program = carnet if isinstance(carnet, list) else [carnet]
    child = subprocess.Popen([*program, "serve", "--data", data, *arguments, "--listen", "127.0.0.1:0", "--log-level", "error", "--rate-limit",
                              "1000000", "--public-rate-limit", "0", "--links-per-scan", "0", "--links-per-tenant", "0"],
                             stdout=subprocess.PIPE, text=True)
    try:
        found = re.search(r"ready on http://(\S+)", child.stdout.readline())
        if not found:
            sys.exit("carnet did not start")
        yield found.group(1)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(60)


def sample_scan(base, key):
    scan = call("POST", base + "/pqc/scan", key, {"scenarioId": "bank-tls-inventory", "useFixture": True})["scanId"]
    while call("GET", f"{base}/tenant/scans/{scan}", key)["status"] in ("queued", "running"):
        time.sleep(0.05)
    return scan


class Client:
    """One connection, one request after the other; what each took, by name."""

    def __init__(self, address, key):
        self.connection, self.key, self.times = http.client.HTTPConnection(address, timeout=120), key, {}

    def get(self, what, path, link=False):
        headers = {"Accept": "application/json"} if link else {"Authorization": "Bearer " + self.key}
        begin = time.perf_counter()
        self.connection.request("GET", path, headers=headers)
        answer = self.connection.getresponse()
        body = answer.read()
        self.times.setdefault(what, []).append((time.perf_counter() - begin) * 1000)
        if answer.status != 200:
            sys.exit(f"{what}: answered {answer.status}: {body[:300]}")
        return json.loads(body)


def expect(condition, what):
    if not condition:
        sys.exit("wrong: " + what)


def scan_cursor(data, tenant, place):
    """The cursor that a list's page would have ended with, had it ended at `place` (src/api/cursor.cc): deep pages without walking."""
    pepper = bytes.fromhex(pathlib.Path(data, "pepper").read_text().strip())
    extracted = hmac.new(bytes(32), pepper, "sha256").digest()
    key = hmac.new(extracted, b"carnet/cursor/1\x01", "sha256").digest()
    scope = f"{tenant}\nscan.list\n\n"
    mac = hmac.new(key, f"{len(scope)}:{scope}{place}".encode(), "sha256").digest()[:16]
    return base64.urlsafe_b64encode(mac + place.encode()).decode().rstrip("=")


def measure(client, given, data, scans, recent, links, count):
    dice = random.Random(2)
    me = client.get("tenant/me", "/tenant/me")
    expect(me["scanCount"] == count, f"scanCount is {me['scanCount']}, not {count}")
    rounds, cursor = [], ""
    for _ in range(6):
        cursor = client.get("inventory, next pages", f"/pqc/inventory?limit=50{cursor and '&cursor=' + cursor}")["nextCursor"]
        rounds.append(cursor)
    for token in links[:20]:
        client.get("a link's overview, the first look", f"/r/{token}", link=True)
    for number in range(given.requests):
        name = f"host{dice.randrange(given.endpoints):06d}.example.org"
        place = dice.choice(scans)
        client.get("tenant/me", "/tenant/me")
        client.get("scans, first page", "/tenant/scans?limit=50")
        page = client.get("scans, a page of any depth", f"/tenant/scans?limit=50&cursor={scan_cursor(data, me['tenantId'], place)}")
        expect(all(scan["scanId"] < place for scan in page["scans"]), "a page begins behind its cursor")
        client.get("one scan's row", f"/tenant/scans/{place}")
        client.get("one scan, its document", f"/pqc/scan/{dice.choice(recent)}")
        found = client.get("inventory, first page", "/pqc/inventory?limit=50")
        expect(len(found["assets"]) == 50, "the inventory's page is full")
        client.get("inventory, next pages", f"/pqc/inventory?limit=50&cursor={dice.choice(rounds)}")
        kind = ("certificate", "ssh", "tls")[number % 3]
        found = client.get("inventory of a kind", f"/pqc/inventory?limit=50&kind={kind}")
        expect(found["assets"] and all(asset["kind"] == kind for asset in found["assets"]), f"the inventory's {kind}")
        client.get("inventory, at-risk", "/pqc/inventory?limit=50&status=at-risk")
        found = client.get("inventory, broken (one endpoint in 100)", "/pqc/inventory?limit=50&status=broken")
        expect(len(found["assets"]) == min(50, BROKEN * given.endpoints // 100), "the inventory's broken ones")
        found = client.get("inventory, unknown (none)", "/pqc/inventory?limit=50&status=unknown")
        expect(not found["assets"], "nothing is unknown")
        found = client.get("inventory of a host", f"/pqc/inventory?limit=50&host={name}")
        expect(len(found["assets"]) == ASSETS_PER_SCAN, f"{name} has {len(found['assets'])} assets")
        client.get("drift summary of a year", "/tenant/drift/summary?since_days=365")
        client.get("changes, first page", "/tenant/drift-intel?limit=50")
        client.get("changes of a host", f"/tenant/drift-intel?limit=50&host={name}")
        client.get("links, first page", "/tenant/shares?limit=50")
        client.get("a link's overview", f"/r/{dice.choice(links)}", link=True)


def run(name, database, data, given):
    """Fills one database and measures it; gives what -> times in ms."""
    init = subprocess.run([given.carnet, "init", "--data", data, *database.arguments, "--tenant", "Bench"], capture_output=True, text=True,
                          check=True).stdout
    key = re.search(r"operator\s+(cnt_k_\w+)", init).group(1)
    with serving(given.carnet, data, database.arguments) as address:
        tenant = call("GET", f"http://{address}/tenant/me", key)["tenantId"]
        samples = [sample_scan(f"http://{address}", key) for _ in range(20)]
    started, now_ms = time.monotonic(), int(time.time() * 1000)
    database.load(tenant, given, now_ms)
    said(f"{name}: {given.scans:,} scans, {database.count('assets'):,} assets", started)
    ids = ["scan_" + uuid7(now_ms - YEARS_MS + number * (YEARS_MS - DAY_MS) // given.scans, number) for number in range(given.scans)]
    recent = [scan for number, scan in enumerate(ids) if number % 50 != 49][-min(RESULTS, given.scans // 2):]
    with serving(given.carnet, data, database.arguments) as address:
        links = [call("POST", f"http://{address}/tenant/scans/{samples[number % len(samples)]}/share", key, {"label": "Auditor"})["token"]
                 for number in range(given.links)]
        client = Client(address, key)
        measure(client, given, data, ids, recent, links, given.scans + len(samples))
    return client.times


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--carnet", default=str(ROOT / "build/release/carnet"))
    options.add_argument("--scans", type=int, default=1_000_000)
    options.add_argument("--endpoints", type=int)
    options.add_argument("--links", type=int, default=2_000)
    options.add_argument("--requests", type=int, default=60)
    options.add_argument("--goal-ms", type=float, default=20.0, help="what no median may exceed; 0: only the answers are looked at")
    options.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    given = options.parse_args()
    given.endpoints = given.endpoints or max(100, given.scans // 20)
    results = {}
    with tempfile.TemporaryDirectory(prefix="carnet-history-") as folder:
        if given.database != "postgresql":
            os.mkdir(f"{folder}/sqlite")
            results["SQLite"] = run("SQLite", Sqlite(f"{folder}/sqlite"), f"{folder}/sqlite/data", given)
            shutil.rmtree(f"{folder}/sqlite")
        if given.database != "sqlite":
            os.mkdir(f"{folder}/postgresql")
            with Cluster("shared_buffers = 512MB", "max_wal_size = 8GB", "maintenance_work_mem = 256MB") as cluster:
                results["PostgreSQL"] = run("PostgreSQL", Postgres(cluster), f"{folder}/postgresql/data", given)
    print(f"{given.scans:,} scans, {given.scans * 49 // 50 * ASSETS_PER_SCAN:,} assets, {given.endpoints:,} endpoints, {given.links:,} links; "
          f"{given.requests} requests each, median and 95 of 100 in ms\n")
    print("| request | " + " | ".join(results) + " |\n| --- |" + " --- |" * len(results))
    slow = []
    for what in next(iter(results.values())):
        cells = []
        for name, times in results.items():
            values = sorted(times[what])
            median, p95 = statistics.median(values), values[len(values) * 95 // 100]
            cells.append(f"{median:.1f}, {p95:.1f}")
            if median > given.goal_ms > 0:
                slow.append(f"{what} on {name}: {median:.1f} ms")
        print(f"| {what} | " + " | ".join(cells) + " |")
    print()
    for line in slow:
        print(f"MISSED   {line} (goal at most {given.goal_ms:.0f} ms)")
    if not slow and given.goal_ms > 0:
        print(f"reached  every median is at most {given.goal_ms:.0f} ms")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
