#!/usr/bin/env python3
"""Two instances on one PostgreSQL, of which the one that leads is killed while it delivers: every delivery arrives with its id, a run
of a schedule begins once, and the other one takes over what one instance alone does.

    estate_instances_test.py CARNET
"""

import collections
import http.server
import re
import socket
import subprocess
import sys
import tempfile
import threading

import pg_cluster
from harness import Service, call, wait_until

HOOKS, SCANS = 20, 25
SAMPLE = {"scenarioId": "bank-tls-inventory", "useFixture": True}
DONE = 'carnet_retention_rounds_total{outcome="done"}'
FLAGS = ("--log-level", "error", "--log-origin", "estate.example/log", "--rate-limit", "1000000")


class Receiver:
    """Keeps its callers waiting until `go` is set; counts each delivery id and how many wait."""

    def __init__(self):
        self.go, self.changed, self.waiting, self.seen = threading.Event(), threading.Condition(), 0, collections.Counter()
        self.bodies = collections.defaultdict(set)
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.changed:
                    receiver.seen[self.headers["X-Carnet-Delivery-Id"]] += 1
                    receiver.bodies[self.headers["X-Carnet-Delivery-Id"]].add(body)
                    receiver.waiting += 1
                    receiver.changed.notify_all()
                receiver.go.wait()
                with receiver.changed:
                    receiver.waiting -= 1
                try:
                    self.send_response(204)
                    self.end_headers()
                except OSError:
                    pass  # the caller was killed

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 512

            def handle_error(self, *_):
                pass  # likewise
        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.go.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def metric(service, name):
    text = call("GET", service.url + "/metrics").body.decode()
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
    return float(found.group(1)) if found else None


def ask(service, key, method, path, body=None, status=200):
    answer = call(method, service.url + path, key, body)
    assert answer.status == status, (method, path, answer.status, answer.body)
    return answer.json()


def rows(service, key, path, name):
    out, cursor = [], ""
    while True:
        page = ask(service, key, "GET", f"{path}{'&' if '?' in path else '?'}limit=100{cursor}")
        out += page[name]
        if not page["hasMore"]:
            return out
        cursor = "&cursor=" + page["nextCursor"]


def check_runs(services, key):
    """Both instances are told to run a schedule at once; one does. The scan hangs at a server that says nothing until it is cancelled,
    so the second is never late."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        schedule = ask(services[0], key, "POST", "/tenant/schedules",
                       {"name": "Both", "cadenceHours": 24, "scan": {"target": f"127.0.0.1:{silent.getsockname()[1]}"}}, 201)["id"]
        for turn in range(1, 6):
            start, answers = threading.Barrier(4), []

            def run(service):
                start.wait()
                answers.append(call("POST", f"{service.url}/tenant/schedules/{schedule}/run", key))
            crowd = [threading.Thread(target=run, args=(service,)) for service in services * 2]
            for thread in crowd:
                thread.start()
            for thread in crowd:
                thread.join()
            assert sorted(answer.status for answer in answers) == [202, 409, 409, 409], [answer.body for answer in answers]
            for answer in answers:
                assert answer.status == 202 or "still in progress" in answer.json()["detail"], answer.body
            scan = next(answer for answer in answers if answer.status == 202).json()["scanId"]
            runs = ask(services[turn % 2], key, "GET", f"/tenant/schedules/{schedule}/runs")["runs"]
            assert len(runs) == turn and runs[0]["scanId"] == scan, runs
            ask(services[turn % 2], key, "POST", f"/pqc/scan/{scan}/cancel")
            wait_until(lambda: ask(services[0], key, "GET", f"/pqc/scan/{scan}")["status"] == "cancelled", 30, "the scan's end")
        ask(services[0], key, "DELETE", f"/tenant/schedules/{schedule}")


def queue_deliveries(services, key, receiver):
    """The webhooks' ids."""
    url = f"http://127.0.0.1:{receiver.server.server_port}/"
    hooks = [ask(services[0], key, "POST", "/tenant/webhooks", {"url": f"{url}{i}", "events": ["scan.completed"]}, 201)["id"]
             for i in range(HOOKS)]
    scans = [ask(services[i % 2], key, "POST", "/pqc/scan", SAMPLE, 202)["scanId"] for i in range(SCANS)]
    for scan in scans:
        wait_until(lambda scan=scan: ask(services[1], key, "GET", f"/pqc/scan/{scan}")["status"] == "success", 60, scan)
    return hooks


def real_scan(service, key, receiver):
    """Of the receiver's port, which speaks no TLS; alerts are not raised about samples."""
    scan = ask(service, key, "POST", "/pqc/scan", {"target": f"127.0.0.1:{receiver.server.server_port}", "profile": "quick"}, 202)["scanId"]
    wait_until(lambda: ask(service, key, "GET", f"/pqc/scan/{scan}")["status"] == "success", 60, scan)
    return scan


def leave_work(cluster, name, service, keys, scan):
    """What the leader alone would do at its next look, minutes from now: a dead link is tried, a scan is older than it is kept. Gives
    the ids of the link and the scan."""
    ask(service, keys["admin"], "PUT", "/tenant/settings", {"deadLinkTries": 5, "retentionDays": 30})
    share = ask(service, keys["operator"], "POST", f"/tenant/scans/{scan}/share", {"label": "Left behind"}, 201)
    ask(service, keys["operator"], "DELETE", f"/tenant/shares/{share['id']}")
    for _ in range(5):
        assert call("GET", f"{service.url}/r/{share['token']}").status != 200
    wait_until(lambda: ask(service, keys["operator"], "GET", f"/tenant/shares/{share['id']}")["deadTries"] == 5, 30, "the tries, written")
    old = "scan_01j0" + scan[len("scan_01j0"):]
    cluster.sql(name, f"""INSERT INTO scans SELECT (jsonb_populate_record(s, jsonb_build_object('id', '{old}',
                          'created_at', s.created_at - 8640000000, 'finished_at', s.finished_at - 8640000000))).*
                          FROM scans s WHERE id = '{scan}'""")
    assert ask(service, keys["operator"], "GET", f"/pqc/scan/{old}")["status"] == "success"
    return share["id"], old


def check_take_over(service, keys, link, old):
    """What one instance alone does is soon done by the one that is left."""
    pause = threading.Event()
    wait_until(lambda: metric(service, "carnet_alerts_passes_total") > 0 or pause.wait(0.2), 60, "a look at what comes by time")
    wait_until(lambda: [alert for alert in ask(service, keys["operator"], "GET", "/tenant/alerts?kind=dead_link_tries")["alerts"]
                        if alert["detail"]["shareId"] == link and alert["status"] == "open"] or pause.wait(0.2), 60, "its alert")
    wait_until(lambda: metric(service, DONE) > 0 or pause.wait(0.2), 60, "a round of retention")
    wait_until(lambda: call("GET", f"{service.url}/pqc/scan/{old}", keys["operator"]).status == 404 or pause.wait(0.2), 60, "its end")
    wait_until(lambda: metric(service, "carnet_schedules_leader") == 1, 15, "a leader of the schedules")
    sealed = metric(service, "carnet_audit_sealed_rows_total")
    ask(service, keys["operator"], "POST", "/tenant/webhooks", {"url": "http://127.0.0.1:9/", "events": ["alert.raised"]}, 201)
    wait_until(lambda: metric(service, "carnet_audit_sealed_rows_total") > sealed, 15, "sealing by the one that is left")
    wait_until(lambda: metric(service, "carnet_audit_unsealed_rows") == 0, 15, "every audit entry sealed")
    trail = ask(service, keys["admin"], "GET", "/tenant/audit/verify")
    assert trail["intact"] is True, trail


def check_deliveries(service, key, hooks, receiver):
    count = HOOKS * SCANS
    wait_until(lambda: len(receiver.seen) >= count, 120, "every delivery; a lease of the one that was killed lasts a minute")

    def listed(state):
        return {row["id"] for hook in hooks for row in rows(service, key, f"/tenant/webhooks/{hook}/deliveries?state={state}",
                                                             "deliveries")}
    # The last of them may have been called by the one that was killed, whose lease must end first.
    pause = threading.Event()
    wait_until(lambda: not listed("queued") or pause.wait(1), 120, "an empty queue")
    assert listed("delivered") == set(receiver.seen), (len(listed("delivered")), len(receiver.seen))
    assert len(receiver.seen) == count and not listed("dead") and not listed("held"), len(receiver.seen)
    twice = sum(times > 1 for times in receiver.seen.values())
    assert twice > 0 and all(len(bodies) == 1 for bodies in receiver.bodies.values())
    return twice


def main(carnet):
    with tempfile.TemporaryDirectory(prefix="carnet-estate-") as folder, pg_cluster.Cluster() as cluster:
        data, name = f"{folder}/data", cluster.create_database()
        database = cluster.url(name)
        out = subprocess.run([carnet, "init", "--data", data, "--tenant", "Test", "--database", database], capture_output=True, text=True,
                             check=True).stdout
        keys = dict(line.split()[:2] for line in out.splitlines() if "cnt_k_" in line)
        flags = ("--database", database, *FLAGS)
        with Receiver() as receiver, Service(carnet, data, *flags) as first:
            wait_until(lambda: metric(first, "carnet_schedules_leader") == 1, 30, "a leader")
            wait_until(lambda: metric(first, "carnet_audit_sealed_rows_total") > 0, 30, "the first entries sealed")
            wait_until(lambda: metric(first, "carnet_alerts_passes_total") > 0, 30, "the first look at what comes by time")
            wait_until(lambda: metric(first, DONE) > 0, 30, "the first round of retention")
            with Service(carnet, data, *flags) as second:
                services = [first, second]
                check_runs(services, keys["operator"])
                assert [metric(one, "carnet_schedules_leader") for one in services] == [1, 0]
                assert [metric(second, one) for one in ("carnet_audit_sealed_rows_total", "carnet_alerts_passes_total", DONE)] == [0, 0, 0]
                scan = real_scan(second, keys["operator"], receiver)
                hooks = queue_deliveries(services, keys["operator"], receiver)
                wait_until(lambda: metric(first, 'carnet_pool_used{pool="deliveries"}') > 0, 30, "calls of the one that leads")
                link, old = leave_work(cluster, name, second, keys, scan)
                first.kill()
                receiver.go.set()
                check_take_over(second, keys, link, old)
                print("deliveries made twice:", check_deliveries(second, keys["operator"], hooks, receiver))
                assert second.stop() == 0
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
