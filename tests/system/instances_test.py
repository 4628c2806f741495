#!/usr/bin/env python3
"""Three instances on one PostgreSQL behind nginx, with load on all of them and one of them killed now and then. Judged by what was
answered: no scan ends twice, no link opens more often than it may, no view is lost, no request passes over a key's limit in any
minute, one Idempotency-Key makes one thing, what is revoked is dead everywhere within a second, and the log has one history.

    instances_test.py CARNET [--seconds 15] [--seed N]
"""

import argparse
import collections
import concurrent.futures
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import log_test
import pg_cluster
import tlog
from harness import Service, TlsServer, call, start_on_free_port, wait_until

SAMPLE = {"scenarioId": "bank-tls-inventory", "useFixture": True}
ROLE_FLAGS = ("--public-rate-limit", "0", "--transparency-rate-limit", "0", "--links-per-scan", "0", "--links-per-tenant", "0",
              "--log-level", "error", "--log-origin", "kill.example/log", "--trusted-proxies", "127.0.0.0/8")


class Front:
    """nginx, one request here and the next one there; a request that an instance did not answer is not sent again."""

    def __init__(self, folder, urls):
        peers = "\n".join(f"server {url.removeprefix('http://')} max_fails=0;" for url in urls)
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")

        def start(port):
            path = f"{folder}/nginx.conf"
            with open(path, "w", encoding="utf-8") as file:
                file.write(self.configuration(folder, peers, port))
            return subprocess.Popen([program, "-c", path, "-e", f"{folder}/nginx.log"], stdin=subprocess.DEVNULL)
        self.port, self.child = start_on_free_port(start)
        self.url = f"http://127.0.0.1:{self.port}"

    @staticmethod
    def configuration(folder, peers, port):
        return f"""
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream carnet {{ {peers} keepalive 32; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://carnet; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
                  proxy_set_header X-Forwarded-For $remote_addr; proxy_next_upstream off; }} }}
}}"""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait(60)


class Estate:
    """The three instances; each can be killed and comes back at its own address."""

    def __init__(self, carnet, data, database):
        self.carnet, self.data, self.flags = carnet, data, ("--database", database, *ROLE_FLAGS)
        self.services = [Service(carnet, data, *self.flags) for _ in range(3)]
        self.urls = [service.url for service in self.services]

    def kill(self, which):
        self.services[which].kill()
        self.services[which].child.stdout.close()
        self.services[which] = Service(self.carnet, self.data, *self.flags, listen=self.urls[which].removeprefix("http://"))

    def stop(self):
        for service in self.services:
            assert service.stop() == 0
            service.child.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for service in self.services:
            if service.child.poll() is None:
                service.kill()


def together(calls):
    """All at once; in the order given."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(one) for one in calls]]


def finished_scan(url, key, body=SAMPLE):
    scan = call("POST", f"{url}/pqc/scan", key, body).json()["scanId"]
    wait_until(lambda: call("GET", f"{url}/pqc/scan/{scan}", key).json()["status"] == "success", 60, scan)
    return scan


def share(url, key, scan, **fields):
    answer = call("POST", f"{url}/tenant/scans/{scan}/share", key, {"label": "instances", **fields})
    assert answer.status == 201, answer.body
    return answer.json()


def check_opens(front, estate, key, scan):
    """Two hundred visitors, fifty openings."""
    link = share(front.url, key, scan, maxViews=50)
    start = f"/r/{link['token']}"

    def visit(number):
        url = (front.url, *estate.urls)[number % 4]
        return call("POST", url + start + "/open", None, {}, {"Accept": "application/json"}).status
    statuses = collections.Counter(together([lambda n=n: visit(n) for n in range(200)]))
    opened = sum(count for status, count in statuses.items() if status < 400)
    assert opened == 50, statuses
    entries = []

    def lines():
        entries.clear()
        cursor = ""
        while True:
            page = call("GET", f"{front.url}/tenant/shares/{link['id']}/views?limit=100{cursor}", key).json()
            entries.extend(page["views"])
            if not page["hasMore"]:
                return sum(e["outcome"] == "opened" for e in entries) == 50
            cursor = "&cursor=" + page["nextCursor"]
    wait_until(lines, 10, "every opening in the access log")
    state = next(s for s in call("GET", f"{front.url}/tenant/scans/{scan}/shares", key).json()["shares"]
                 if s["id"] == link["id"])
    assert state["viewCount"] == 50, state
    return dict(statuses)


def check_rate(front, estate, admin_call, seconds):
    """What a key got through, from any three instances, fits what its limit lets through in any stretch of time."""
    per_minute, burst = 600, 120
    key = admin_call(per_minute)
    stop, lock, passed, refused = threading.Event(), threading.Lock(), [], []

    def hammer(url):
        while not stop.is_set():
            sent = time.monotonic()
            status = call("GET", url + "/tenant/me", key).status
            done = time.monotonic()
            with lock:
                (passed if status == 200 else refused).append((sent, done, status))
    crowd = [threading.Thread(target=hammer, args=(url,)) for url in [front.url, *estate.urls] * 2]
    for thread in crowd:
        thread.start()
    stop.wait(seconds)
    stop.set()
    for thread in crowd:
        thread.join()
    assert {status for _, _, status in refused} == {429}, collections.Counter(status for _, _, status in refused)
    # A request counts at some moment between its being sent and answered: those that lie wholly inside a stretch are at most the
    # burst and what the rate gives in it.
    sent = sorted(passed)
    worst = 0
    for first in range(0, len(sent), 7):
        begin = sent[first][0]
        for end in sorted(done for s, done, _ in sent[first:])[::7]:
            inside = sum(1 for s, done, _ in sent[first:] if done <= end)
            allowed = burst + (end - begin) * per_minute / 60 + 1
            worst = max(worst, inside - allowed)
    assert worst <= 0, worst
    assert len(passed) >= burst + (seconds - 1) * per_minute / 60 * 0.9, len(passed)
    return len(passed), len(refused)


def check_revocation(front, estate, key, issue, revoke, scan):
    """Ended through one instance, dead on the others within a second."""
    key_id, victim = issue()
    link = share(estate.urls[0], key, scan)
    for url in estate.urls:
        assert call("GET", url + "/tenant/me", victim).status == 200
        assert call("GET", f"{url}/r/{link['token']}").status == 200
    revoke(key_id)
    ended = time.monotonic()
    assert call("DELETE", f"{estate.urls[0]}/tenant/shares/{link['id']}", key).status == 200
    for url in estate.urls[1:]:
        wait_until(lambda url=url: call("GET", url + "/tenant/me", victim).status == 401, 1, "the key's end", patience=1)
        wait_until(lambda url=url: call("GET", f"{url}/r/{link['token']}").status in (404, 410), 1, "the link's end", patience=1)
    return time.monotonic() - ended


def check_idempotency(front, estate, key, scan):
    for turn in range(10):
        answers = together([lambda url=url: call("POST", f"{url}/tenant/scans/{scan}/share", key, {"label": f"once {turn}"},
                                                 {"Idempotency-Key": f"instances-{turn}"}) for url in estate.urls * 3])
        made = {answer.json()["id"] for answer in answers if answer.status == 201}
        assert len(made) == 1, (turn, made, [answer.status for answer in answers])
        assert {answer.status for answer in answers} <= {201, 409}, [answer.status for answer in answers]
        again = call("POST", f"{estate.urls[turn % 3]}/tenant/scans/{scan}/share", key, {"label": f"once {turn}"},
                     {"Idempotency-Key": f"instances-{turn}"})
        assert again.status == 201 and {again.json()["id"]} == made, again.body


def check_scans(front, estate, cluster, database, key, peer, dice, seconds):
    """Scans submitted everywhere while one instance after another is killed: each accepted one ends, once."""
    stop, seen, accepted = threading.Event(), log_test.Seen(), []

    def submit(url):
        while not stop.is_set():
            try:
                body = SAMPLE if dice.random() < 0.5 else {"targets": [f"127.0.0.1:{peer.port}"], "profile": "quick"}
                answer = call("POST", f"{url}/pqc/scan", key, body, timeout=10)
            except Exception:  # noqa: BLE001 killed under us: nothing was answered
                continue
            if answer.status == 202:
                accepted.append(answer.json()["scanId"])
            else:
                assert answer.status in (502, 503, 504), (answer.status, answer.body)
            stop.wait(0.05)

    def watch(url):
        while not stop.is_set():
            try:
                answer = call("GET", f"{url}/log/checkpoint", timeout=5)
            except Exception:  # noqa: BLE001
                continue
            if answer.status == 200:
                seen.checkpoint(answer.body.decode())
            stop.wait(0.02)
    crowd = [threading.Thread(target=submit, args=(url,)) for url in [front.url, *estate.urls]]
    crowd += [threading.Thread(target=watch, args=(url,)) for url in estate.urls]
    for thread in crowd:
        thread.start()
    until, kills = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        stop.wait(dice.uniform(0.5, 2))
        estate.kill(dice.randrange(3))
        kills += 1
    stop.set()
    for thread in crowd:
        thread.join()
    for scan in accepted:
        wait_until(lambda scan=scan: call("GET", f"{front.url}/pqc/scan/{scan}", key).json()["status"] == "success", 180, scan)
        seen.finished.add(scan)
    assert not seen.errors, seen.errors[:2]
    twice = cluster.sql(database, "SET carnet.tenant = '*'; SELECT scan_id, key, count(*) FROM scan_events "
                                  "WHERE key = 'finished' GROUP BY 1, 2 HAVING count(*) <> 1")
    assert not twice, twice
    size, _ = log_test.check_everything(estate.urls[0], key, seen)
    for url in estate.urls[1:]:
        now = call("GET", f"{url}/pqc/transparency/root?size={size}").json()
        assert now["root"] == call("GET", f"{estate.urls[0]}/pqc/transparency/root?size={size}").json()["root"]
    passports = int(cluster.sql(database, "SET carnet.tenant = '*'; SELECT count(*) FROM passports"))
    # A passport an accepted scan, one a scan whose acceptance was never answered, and no more than one each.
    assert size == passports >= len(accepted), (size, passports, len(accepted))
    return kills, len(accepted), size


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("carnet")
    options.add_argument("--seconds", type=float, default=15)
    options.add_argument("--seed", type=int, default=int(time.time()))
    given = options.parse_args()
    print(f"seed {given.seed}")
    dice = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="carnet-instances-") as folder, pg_cluster.Cluster() as cluster, TlsServer(folder) as peer:
        data, name = f"{folder}/data", cluster.create_database()
        out = subprocess.run([given.carnet, "init", "--data", data, "--tenant", "Test", "--database", cluster.url(name)],
                             capture_output=True, text=True, check=True).stdout
        keys = dict(line.split()[:2] for line in out.splitlines() if "cnt_k_" in line)
        with open(f"{data}/admin.key", encoding="utf-8") as file:
            platform = file.read().strip()
        with Estate(given.carnet, data, cluster.url(name)) as estate, Front(folder, estate.urls) as front:
            tenant = call("GET", front.url + "/tenant/me", keys["admin"]).json()["tenantId"]

            def issue(per_minute=1000000):
                answer = call("POST", f"{front.url}/admin/tenants/{tenant}/keys", platform,
                              {"label": "instances", "role": "operator", "ratePerMinute": per_minute})
                assert answer.status == 201, answer.body
                return answer.json()["keyId"], answer.json()["key"]
            key = issue()[1]
            scan = finished_scan(front.url, key)
            print("openings:", check_opens(front, estate, key, scan))
            print("granted and refused:", check_rate(front, estate, lambda rate: issue(rate)[1], given.seconds))
            print("revoked everywhere after s:", check_revocation(
                front, estate, key, issue, lambda one: call("DELETE", f"{front.url}/admin/keys/{one}", platform), scan))
            check_idempotency(front, estate, key, scan)
            print("kills, scans, log entries:", check_scans(front, estate, cluster, name, key, peer, dice, given.seconds))
            estate.stop()


if __name__ == "__main__":
    sys.exit(main())
