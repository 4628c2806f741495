#!/usr/bin/env python3
"""/metrics as Prometheus' own parser reads it; the documents, the dashboard and the alert rules name what is there and nothing else;
the numbers move with what happens; the log's fields are the documented ones.

    metrics_test.py CARNET SOURCE_FOLDER
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml
from prometheus_client.parser import text_string_to_metric_families

import pg_cluster
from harness import Service, call, init, run, wait_until

CARNET = ""
SOURCE = pathlib.Path()
SAMPLE = {"scenarioId": "bank-tls-inventory", "useFixture": True}
NAME = re.compile(r"\b((?:carnet|process)_[a-z_]+)\b")


def read(text):
    """{name: (kind, {labels: value})}, names as they are written."""
    out = {}
    for family in text_string_to_metric_families(text):
        name = family.name + ("_total" if family.type == "counter" else "")
        assert family.documentation, family.name
        assert name not in out, f"{name} twice"
        samples = {}
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples, f"{key} twice"
            samples[key] = sample.value
        out[name] = (family.type, samples)
    return out


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="carnet-metrics-")
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.log = open(cls.folder / "log", "w")
        cls.keys = init(CARNET, cls.folder / "data")
        cls.service = Service(CARNET, cls.folder / "data", "--log-format", "json", log=cls.log)
        cls.first = cls.scrape()
        cls.use()
        # What runs in the background shows within a few seconds.
        wait_until(lambda: cls.value("carnet_scans_ended_total", outcome="success") == 1, 30, "the scan to count")
        cls.second = cls.scrape()
        # PostgreSQL has numbers of its own.
        cls.cluster = pg_cluster.Cluster()
        database = ["--database", cls.cluster.url(cls.cluster.create_database())]
        assert run(CARNET, "init", "--data", cls.folder / "pg", *database).returncode == 0
        with Service(CARNET, cls.folder / "pg", *database) as service:
            def connected():
                cls.postgresql_text = call("GET", service.url + "/metrics").body.decode()
                return cls.value("carnet_database_connects_total", read(cls.postgresql_text), pool="database_write")
            wait_until(connected, 30, "a session")
            service.stop()
        cls.postgresql = read(cls.postgresql_text)
        cls.service.stop()
        cls.log.close()

    @classmethod
    def tearDownClass(cls):
        with cls.service:
            cls.cluster.stop()
        cls.temporary.cleanup()

    @classmethod
    def scrape(cls):
        answer = call("GET", cls.service.url + "/metrics")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        cls.text = answer.body.decode()
        return read(cls.text)

    @classmethod
    def value(cls, name, scraped=None, **labels):
        return (scraped or cls.scrape())[name][1].get((name, tuple(sorted(labels.items()))), 0)

    @classmethod
    def use(cls):
        url, key = cls.service.url, cls.keys["operator"]
        scan = call("POST", url + "/pqc/scan", key, SAMPLE).json()["scanId"]
        call("GET", f"{url}/pqc/scan/{scan}/events", key, timeout=60)
        link = call("POST", f"{url}/tenant/scans/{scan}/share", key, {"expiresHours": 1, "passcode": "correct horse battery"})
        assert link.status == 201, link.body
        call("GET", f"{url}/r/{link.json()['token']}", headers={"Accept": "application/json"})
        assert call("GET", url + "/pqc/scan/scan_01arz3ndektsv4rrffq69g5fav", key).status == 404
        assert call("GET", url + "/tenant/me", "cnt_k_" + "x" * 48).status == 401
        assert call("POST", url + "/pqc/scan", key, {"nonsense": 1}).status == 422

    def everything(self):
        return {**self.postgresql, **self.second}

    def test_promtool(self):
        promtool = shutil.which("promtool")
        if not promtool:
            self.skipTest("promtool (Debian's package prometheus) is not here; the other tests read the same with smaller means")
        for text in (self.text, self.postgresql_text):
            checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
            self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
        rules = subprocess.run([promtool, "check", "rules", SOURCE / "packaging/prometheus/carnet.rules.yml"], capture_output=True, text=True)
        self.assertEqual(rules.returncode, 0, rules.stdout + rules.stderr)
        # The dashboard's expressions, as if they were rules.
        board = json.loads((SOURCE / "packaging/grafana/carnet.json").read_text())
        expressions = [target["expr"].replace("$__rate_interval", "5m") for panel in board["panels"] for target in panel.get("targets", ())]
        path = self.folder / "dashboard.yml"
        path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": [
            {"record": f"panel:{i}", "expr": expression} for i, expression in enumerate(expressions)]}]}))
        checked = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_numbers_move_with_what_happens(self):
        def moved(name, **labels):
            return self.value(name, self.second, **labels) - self.value(name, self.first, **labels)
        self.assertEqual(moved("carnet_scans_submitted_total"), 1)
        self.assertEqual(moved("carnet_scans_ended_total", outcome="success"), 1)
        self.assertEqual(moved("carnet_scans_ended_total", outcome="error"), 0)
        self.assertEqual(moved("carnet_http_problems_total", code="not_found"), 1)
        self.assertEqual(moved("carnet_http_problems_total", code="validation_failed"), 1)
        self.assertEqual(moved("carnet_http_problems_total", code="unauthenticated"), 1)
        self.assertEqual(moved("carnet_http_problems_total", code="internal"), 0)
        self.assertEqual(moved("carnet_authentication_failures_total"), 1)
        self.assertEqual(moved("carnet_queue_accepted_total", queue="passcodes"), 1)
        self.assertGreater(moved("carnet_queue_accepted_total", queue="database_write"), 5)
        self.assertEqual(moved("carnet_queue_refused_total", queue="database_write"), 0)
        self.assertGreater(moved("carnet_database_commits_total"), 3)
        self.assertGreater(moved("carnet_database_commit_seconds_total"), 0)
        self.assertEqual(moved("carnet_database_commit_failures_total"), 0)
        self.assertEqual(moved("carnet_http_requests_total", method="POST", route="/pqc/scan", status="2xx"), 1)
        self.assertEqual(moved("carnet_http_requests_total", method="POST", route="/pqc/scan", status="4xx"), 1)
        self.assertEqual(self.value("carnet_database_healthy", self.second), 1)
        self.assertGreater(self.value("process_resident_memory_bytes", self.second), 1e6)
        self.assertGreater(self.value("process_open_fds", self.second), 5)
        self.assertGreater(self.value("carnet_pool_size", self.postgresql, pool="database_write"), 0)
        self.assertGreater(self.value("carnet_database_connects_total", self.postgresql, pool="database_write"), 0)
        for name, (kind, samples) in self.second.items():
            if kind == "counter":
                for key, value in samples.items():
                    before = self.first.get(name, ("", {}))[1].get(key, 0)
                    self.assertGreaterEqual(value, before, key)

    def test_histograms_add_up(self):
        kind, samples = self.second["carnet_http_request_duration_seconds"]
        self.assertEqual(kind, "histogram")
        series = {}
        for (name, labels), value in samples.items():
            plain = tuple(l for l in labels if l[0] != "le")
            series.setdefault(plain, {})[name.rsplit("_", 1)[1], dict(labels).get("le")] = value
        self.assertGreater(len(series), 3)
        for plain, values in series.items():
            buckets = sorted((float(le), v) for (part, le), v in values.items() if part == "bucket")
            self.assertEqual([v for _, v in buckets], sorted(v for _, v in buckets), plain)
            self.assertEqual(buckets[-1], (float("inf"), values["count", None]))

    def test_no_route_shows_a_token(self):
        self.assertNotIn("cnt_s_", self.text)
        self.assertIn('route="/r/{token}"', self.text)

    def documented(self):
        text = (SOURCE / "docs/operations.md").read_text()
        rows = re.findall(r"^\| `((?:carnet|process)_\w+)` \| (\w+) \|", text, re.MULTILINE)
        self.assertEqual(len(rows), len(dict(rows)))
        return dict(rows)

    def test_every_metric_is_documented_and_every_documented_one_is_there(self):
        self.assertEqual({name: kind for name, (kind, _) in self.everything().items()}, self.documented())

    def test_queues_and_pools_are_documented(self):
        text = (SOURCE / "docs/operations.md").read_text()
        for label, metric in (("queue", "carnet_queue_length"), ("pool", "carnet_pool_size")):
            table = re.search(rf"^\| {label} \| .*?\n\n", text, re.MULTILINE | re.DOTALL).group(0)
            named = set(re.findall(r"`(\w+)`", table))
            there = {dict(labels)[label] for scraped in (self.second, self.postgresql) for _, labels in scraped[metric][1]}
            self.assertEqual(there, named)

    def labels_of(self, name):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        return {label for _, labels in self.everything().get(base, ("", {}))[1] for label, _ in labels}

    def check_expression(self, expression):
        names = set(NAME.findall(expression))
        self.assertTrue(names or "up{" in expression, expression)
        for name in names:
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            self.assertIn(base, self.everything(), expression)
        for name, matchers in re.findall(r"((?:carnet|process)_[a-z_]+)\{([^}]*)\}", expression):
            for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers):
                self.assertIn(label, self.labels_of(name) | {"job", "instance"}, expression)
        for opened, closed in ("()", "{}", "[]"):
            self.assertEqual(expression.count(opened), expression.count(closed), expression)

    def test_alert_rules(self):
        rules = yaml.safe_load((SOURCE / "packaging/prometheus/carnet.rules.yml").read_text())
        runbook = (SOURCE / "docs/operations.md").read_text().split("## Alerts", 1)[1]
        headings = re.findall(r"^### (\w+)$", runbook, re.MULTILINE)
        alerts = [rule for group in rules["groups"] for rule in group["rules"]]
        self.assertEqual([rule["alert"] for rule in alerts], headings)
        for rule in alerts:
            self.assertEqual(rule["annotations"]["runbook"], "docs/operations.md#" + rule["alert"].lower())
            self.assertIn(rule["labels"]["severity"], ("critical", "warning"))
            self.check_expression(rule["expr"])
            section = re.search(rf"^### {rule['alert']}\n(.+?)(?=^##|\Z)", runbook, re.MULTILINE | re.DOTALL).group(1)
            self.assertGreater(len(section.split()), 8, rule["alert"])

    def test_dashboard(self):
        board = json.loads((SOURCE / "packaging/grafana/carnet.json").read_text())
        panels = [panel for panel in board["panels"] if panel["type"] != "row"]
        self.assertGreater(len(panels), 20)
        self.assertEqual(len({panel["id"] for panel in board["panels"]}), len(board["panels"]))
        shown = set()
        for panel in panels:
            for target in panel["targets"]:
                self.check_expression(target["expr"])
                shown |= {re.sub(r"_(bucket|sum|count)$", "", name) for name in NAME.findall(target["expr"])}
        taken = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells
        self.assertEqual(set(self.everything()) - shown, set(), "every metric is on the dashboard")

    def test_log_lines(self):
        text = (SOURCE / "docs/operations.md").read_text().split("## Log", 1)[1].split("## Metrics", 1)[0]
        fields = set(re.findall(r"`([a-z_]+)`", text))
        events = set()
        for line in (self.folder / "log").read_text().splitlines():
            entry = json.loads(line)
            self.assertEqual(list(entry)[:3], ["time", "level", "event"], line)
            self.assertRegex(entry["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$")
            self.assertIn(entry["level"], ("debug", "info", "warn", "error"))
            if re.fullmatch(r"[a-z_]+", entry["event"]):
                self.assertIn(entry["event"], fields, line)
                for field in entry:
                    self.assertIn(field, fields, line)
            events.add(entry["event"])
            self.assertNotIn("cnt_", line)
        self.assertLessEqual({"started", "request", "scan_started", "scan_finished", "stopping", "stopped"}, events)


if __name__ == "__main__":
    CARNET = sys.argv.pop(1)
    SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
