#!/usr/bin/env python3
"""A backlog worked off on a real server: nginx is mended and broken again, and the scans after it must prove what was done, see what
came back, and show the very score that was projected. What a quick scan does not look for proves nothing and is no change.

    remediation_test.py CARNET
"""

import csv
import io
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

from harness import Service, call, init, run, start_on_free_port, wait_until
from peers import Certificate

OLD = 'ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers "ECDHE+AESGCM:ECDHE+AES:@SECLEVEL=0";'
NEW = "ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM;"


class Nginx:
    """One TLS server whose configuration changes while it listens."""

    def __init__(self, folder, certificates, settings):
        self.path = f"{folder}/nginx.conf"
        self.folder = folder
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")

        def start(port):
            self.write(port, certificates, settings)
            return subprocess.Popen([program, "-c", self.path, "-e", f"{folder}/nginx.log"], stdin=subprocess.DEVNULL)
        self.port, self.child = start_on_free_port(start)

    def write(self, port, certificates, settings):
        pairs = " ".join(f"ssl_certificate {one.crt}; ssl_certificate_key {one.key};" for one in certificates)
        pathlib.Path(self.path).write_text(f"""
daemon off; worker_processes 1; pid {self.folder}/nginx.pid; error_log {self.folder}/nginx.log crit;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {self.folder}/b; proxy_temp_path {self.folder}/p; fastcgi_temp_path {self.folder}/f;
  uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
  server {{ listen 127.0.0.1:{port} ssl; {pairs} {settings} location / {{ return 204; }} }}
}}""", encoding="utf-8")

    def workers(self):
        return set(pathlib.Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text(encoding="ascii").split())

    def change(self, certificates, settings):
        """Until the last worker with the old configuration is gone."""
        self.write(self.port, certificates, settings)
        wait_until(self.workers, 30, "nginx to have a worker")
        before = self.workers()
        self.child.send_signal(signal.SIGHUP)
        wait_until(lambda: self.workers() and not self.workers() & before, 30, "nginx to take its new configuration")

    def stop(self):
        self.child.terminate()
        self.child.wait(30)


class Client:
    def __init__(self, carnet, service, keys, port):
        self.carnet, self.url, self.key, self.port = carnet, service.url, keys["operator"], port
        self.environment = {"CARNET_URL": service.url, "CARNET_API_KEY": keys["operator"]}

    def ask(self, method, path, body=None, status=200):
        answer = call(method, self.url + path, self.key, body)
        assert answer.status == status, (answer.status, answer.body)
        return answer.json()

    def scan(self, profile="standard"):
        body = {"target": f"127.0.0.1:{self.port}", "profile": profile}
        scan = self.ask("POST", "/pqc/scan", body, 202)["scanId"]
        return wait_until(lambda: self.finished(scan), 60, scan)

    def finished(self, scan):
        answer = self.ask("GET", f"/pqc/scan/{scan}")
        assert answer["status"] in ("running", "success"), answer
        return answer if answer["status"] == "success" else None

    def items(self, scan):
        return {item["title"].split(" at 127")[0].split(" for 127")[0]: item
                for item in self.ask("GET", f"/tenant/scans/{scan['scanId']}/remediation?limit=100")["items"]}

    def verify(self, scan, item, later):
        return self.ask("POST", f"/tenant/scans/{scan['scanId']}/remediation/verify",
                        {"remediationId": item["id"], "verifyScanId": later["scanId"]})

    def shell(self, *arguments, status=0):
        done = run(self.carnet, *arguments, **self.environment)
        assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout


def check_diff(client, later, earlier, **expected):
    diff = client.ask("GET", f"/tenant/scans/{later['scanId']}/diff?against={earlier['scanId']}")
    found = {"added": len(diff["added"]), "removed": len(diff["removed"]), "changed": len(diff["changed"])}
    assert found == {"added": 0, "removed": 0, "changed": 0, **expected}, diff
    return diff


def totals(client):
    summary = client.ask("GET", "/tenant/drift/summary")
    return {name: summary[name] for name in ("added", "removed", "changed", "improved", "regressed")}


def worked_off(client, server, both):
    first = client.scan()
    items = client.items(first)
    old = items["Turn off TLS 1.0 and TLS 1.1"]
    assert len([asset for asset in first["assets"] if asset["kind"] == "certificate"]) == 2, first["assets"]

    # A quick scan neither proves nor changes what it does not look at, nor does the deeper one after it.
    quick = client.scan("quick")
    assert check_diff(client, quick, first)["comparedProfile"] == "quick"
    proof = client.verify(first, old, quick)
    assert not proof["verified"] and proof["code"] == "not_looked_for" and "profile standard" in proof["reason"], proof
    second = client.scan()
    check_diff(client, second, quick)
    check_diff(client, second, first)
    assert totals(client) == dict.fromkeys(("added", "removed", "changed", "improved", "regressed"), 0)
    assert client.ask("GET", "/tenant/alerts?kind=new_quantum_vulnerable_asset")["count"] == 0

    everything = client.ask("GET", f"/tenant/scans/{first['scanId']}/remediation?limit=100")["items"]
    for item in everything:  # or every score is zero
        client.shell("remediation", "set", first["scanId"], item["id"], "--status", "in_progress", "--owner", "ops",
                     "--target-date", "2030-01-01")
    projected = client.ask("POST", f"/tenant/scans/{first['scanId']}/remediation/projection", {"remediationIds": [old["id"]]})
    server.change(both, NEW)
    mended = client.scan()
    scores = mended["readinessScore"], projected["projected"]["readinessScore"], first["readinessScore"]
    assert scores[0] == scores[1] > scores[2], scores
    check_diff(client, mended, second, changed=1)
    said = client.shell("remediation", "verify", first["scanId"], old["id"], second["scanId"], status=1)
    assert "not proven" in said, said
    assert "done" in client.shell("remediation", "verify", first["scanId"], old["id"], mended["scanId"])
    assert client.items(first)["Turn off TLS 1.0 and TLS 1.1"]["verifiedByScanId"] == mended["scanId"]
    return old


def came_back(client, server, both, old):
    """What was proven done and is seen again is open, and earns nothing."""
    server.change(both, OLD)
    again = client.scan()
    item = client.items(again)["Turn off TLS 1.0 and TLS 1.1"]
    assert item["id"] == old["id"] and item["status"] == "open" and item["reopened"], item
    assert [one["status"] for one in again["remediationBacklog"] if one["id"] == old["id"]] == ["open"]
    assert "open (reopened)" in client.shell("remediation", "list", again["scanId"])
    plan = client.ask("POST", f"/tenant/scans/{again['scanId']}/plan", {"capacityDaysPerWeek": 5})
    assert old["id"] in [one["remediationId"] for one in plan["items"]], plan

    # A table as it was exported says nothing new of it.
    table = client.shell("remediation", "export", again["scanId"])
    file = pathlib.Path(server.folder) / "table.csv"
    file.write_text(table, encoding="utf-8")
    assert client.shell("remediation", "import", again["scanId"], str(file)).startswith("0 applied,")
    rows = list(csv.DictReader(io.StringIO(table)))
    file.write_text("\ufeffremediationId;status;owner\r\n" + f"{old['id']};in_progress;'=ops\r\nrem_0;open;x\r\n", encoding="utf-8")
    said = client.shell("remediation", "import", again["scanId"], str(file), status=1)
    assert "1 applied, 0 unchanged, 1 wrong" in said and "row 3: remediationId" in said, said
    assert client.items(again)["Turn off TLS 1.0 and TLS 1.1"]["owner"] == "=ops"
    assert len(rows) == len(again["remediationBacklog"])


def one_certificate_less(client, server, both):
    before = client.scan()
    was = totals(client)
    server.change(both[1:], OLD)  # the one that a client gets that knows both
    dropped = client.scan()
    diff = check_diff(client, dropped, before, removed=1)
    assert diff["removed"][0]["reason"] == "gone", diff
    now = totals(client)
    assert (now["removed"], now["changed"]) == (was["removed"] + 1, was["changed"]), (was, now)
    # The same in the shell.
    assert "gone" in client.shell("drift", "diff", dropped["scanId"], "--against", before["scanId"])
    assert "removed" in client.shell("drift", "changes", "--change", "removed")
    assert "BETTER" in client.shell("drift", "summary")
    server.stop()
    gone = client.scan()
    diff = client.ask("GET", f"/tenant/scans/{gone['scanId']}/diff?against={dropped['scanId']}")
    assert {asset["reason"] for asset in diff["removed"]} == {"not-reached"}, diff
    assert totals(client) == now


def main(carnet):
    with tempfile.TemporaryDirectory(prefix="carnet-remediation-") as folder:
        data = f"{folder}/data"
        keys = init(carnet, data)
        both = [Certificate(folder, "rsa"), Certificate(folder, "ec", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")]
        server = Nginx(folder, both, OLD)
        try:
            with Service(carnet, data, "--rate-limit", "100000", "--connects-per-second", "1000", "--connect-burst", "1000") as service:
                call("PUT", service.url + "/tenant/authorized-targets", keys["admin"],
                     {"domains": [], "cidrs": ["127.0.0.0/8"], "attestation": "Ours."})
                client = Client(carnet, service, keys, server.port)
                old = worked_off(client, server, both)
                came_back(client, server, both, old)
                one_certificate_less(client, server, both)
        finally:
            if server.child.poll() is None:
                server.stop()
    print("remediation: proven, seen again, projected as it came")


if __name__ == "__main__":
    main(sys.argv[1])
