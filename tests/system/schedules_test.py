#!/usr/bin/env python3
"""Schedules of the whole program: made, run now, paused, changed and deleted from the shell and over the API, on a real TLS server.

    schedules_test.py CARNET
"""

import os
import pathlib
import sys
import tempfile
import threading
import unittest

from harness import Service, TlsServer, call, init, run, wait_until

CARNET = ""


class Schedules(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="carnet-schedules-")
        self.addCleanup(temporary.cleanup)
        folder = pathlib.Path(temporary.name)
        self.data = folder / "data"
        self.keys = init(CARNET, self.data)
        self.server = TlsServer(folder)
        self.addCleanup(self.server.__exit__)
        self.start()

    def start(self):
        self.service = Service(CARNET, self.data, "--rate-limit", "100000")
        self.addCleanup(self.service.__exit__)

    def ask(self, method, path, body=None, role="operator", status=200, **headers):
        answer = call(method, self.service.url + path, self.keys[role], body,
                      {name.replace("_", "-"): value for name, value in headers.items()})
        self.assertEqual(answer.status, status, answer.body)
        return answer

    def shell(self, *words, role="operator", status=0):
        done = run(CARNET, "schedule", *words, CARNET_URL=self.service.url, CARNET_API_KEY=self.keys[role])
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout if status == 0 else done.stderr

    def add(self, *words):
        out = self.shell("add", f"127.0.0.1:{self.server.port}", "--kinds", "tls", "--profile", "quick", *words)
        return dict(line.split(None, 1) for line in out.splitlines())["id"]

    def runs(self, schedule):
        return self.ask("GET", f"/tenant/schedules/{schedule}/runs", role="viewer").json()["runs"]

    def run_to_its_end(self, schedule):
        scan, summary = self.shell("run", schedule).splitlines()
        self.assertEqual(summary, "1 endpoint on 1 host, quick profile.")
        pause = threading.Event()

        def the_end():
            return next((one for one in self.runs(schedule) if one["scanId"] == scan and one["status"] != "running"), pause.wait(0.2))

        return wait_until(the_end, 60, "the end of the run")

    def test_from_the_shell(self):
        schedule = self.add("--name", "Loopback", "--cron", "30 3 * * mon", "--time-zone", "Europe/Berlin", "--jitter", "0",
                            "--email", "team@example.org", "--on", "failure")
        shown = self.ask("GET", "/tenant/schedules/" + schedule).json()
        self.assertEqual((shown["cron"], shown["timeZone"], shown["cadenceHours"]), ("30 3 * * mon", "Europe/Berlin", None))
        self.assertEqual(shown["notify"], {"emails": ["team@example.org"], "on": "failure"})
        self.assertIn(shown["nextRunAt"][10:], ("T01:30:00Z", "T02:30:00Z"))
        self.assertIn("Loopback", self.shell("list", role="viewer"))
        self.assertIn("no runs yet", self.shell("runs", schedule))

        done = self.run_to_its_end(schedule)
        self.assertEqual((done["number"], done["trigger"], done["status"], done["reason"]), (1, "manual", "success", None))
        scan = self.ask("GET", "/pqc/scan/" + done["scanId"]).json()
        self.assertEqual(scan["label"], "Loopback")
        self.assertEqual(scan["coverage"]["reached"], 1)
        after = self.ask("GET", "/tenant/schedules/" + schedule).json()
        self.assertEqual(after["nextRunAt"], shown["nextRunAt"])
        self.assertEqual(after["lastRun"]["scanId"], done["scanId"])
        self.assertIn("success", self.shell("runs", schedule))

        self.assertEqual(self.shell("pause", schedule), "paused\n")
        self.assertIsNone(self.ask("GET", "/tenant/schedules/" + schedule).json()["nextRunAt"])
        self.assertEqual(self.run_to_its_end(schedule)["number"], 2)  # also while it is paused
        self.assertEqual(self.shell("resume", schedule), f"resumed, next run at {shown['nextRunAt']}\n")

        self.shell("edit", schedule, "--every", "24", "--profile", "standard", "--no-email")
        edited = self.ask("GET", "/tenant/schedules/" + schedule).json()
        self.assertEqual((edited["cron"], edited["cadenceHours"], edited["scan"]["profile"]), (None, 24, "standard"))
        self.assertEqual(edited["scan"]["targets"], [f"127.0.0.1:{self.server.port}"])
        self.assertEqual(edited["notify"]["emails"], [])
        self.assertIn("nothing to change", self.shell("edit", schedule, status=2))

        self.assertEqual(self.shell("rm", schedule), "deleted\n")
        self.ask("GET", "/tenant/schedules/" + schedule, status=404)
        self.ask("GET", "/pqc/scan/" + done["scanId"])

    def test_mails_that_nobody_sends_are_said(self):
        words = ("add", "127.0.0.1", "--name", "x", "--email", "team@example.org")
        done = run(CARNET, "schedule", *words, CARNET_URL=self.service.url, CARNET_API_KEY=self.keys["operator"])
        self.assertEqual((done.returncode, "has no mail server" in done.stderr), (0, True), done)
        self.assertFalse(self.ask("GET", "/tenant/mail").json()["mailServer"])
        self.service.kill()
        self.service = Service(CARNET, self.data, "--smtp-url", "smtp://127.0.0.1:9", "--smtp-from", "carnet@example.org")
        self.addCleanup(self.service.__exit__)
        done = run(CARNET, "schedule", *words, CARNET_URL=self.service.url, CARNET_API_KEY=self.keys["operator"])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(self.ask("GET", "/tenant/mail").json()["mailServer"])

    def test_a_run_waits_for_the_one_before_and_survives_a_kill(self):
        schedule = self.add("--name", "Loopback")
        started = self.ask("POST", f"/tenant/schedules/{schedule}/run", status=202)
        self.assertEqual(started.headers["Location"], "/pqc/scan/" + started.json()["scanId"])
        again = call("POST", f"{self.service.url}/tenant/schedules/{schedule}/run", self.keys["operator"])
        if again.status == 409:  # unless it is over already
            self.assertIn("still in progress", again.json()["detail"])
        else:
            self.assertEqual(again.status, 202)
        self.service.kill()
        self.start()
        pause = threading.Event()  # between questions, of which a key has 300 a minute

        def all_over():
            return all(one["status"] == "success" for one in self.runs(schedule)) or pause.wait(0.5)

        wait_until(all_over, 60, "the runs after the restart")

    def test_what_is_wrong_is_named(self):
        target = {"target": f"127.0.0.1:{self.server.port}"}
        problem = self.ask("POST", "/tenant/schedules", {"name": "x", "cron": "75 3 * * *", "timeZone": "Mars/Olympus", "scan": target},
                           status=422).json()
        self.assertEqual([(error["field"], error["detail"]) for error in problem["errors"]],
                         [("cron", "minute: 75 is out of range; it may be 0 to 59"),
                          ("timeZone", "must be a time zone of the IANA database, as Europe/Berlin or UTC")])
        self.assertIn("cron", self.shell("add", "127.0.0.1", "--name", "x", "--cron", "* * * * *", status=1))
        self.ask("POST", "/tenant/schedules", {"name": "x", "scan": {"target": "www.example.org"}}, status=403)
        self.ask("POST", "/tenant/schedules", {"name": "x", "scan": target}, role="viewer", status=403)

    def test_metrics_and_leadership(self):
        def metric(name):
            text = call("GET", self.service.url + "/metrics").body.decode()
            return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(name)), None)

        wait_until(lambda: metric("carnet_schedules_leader") == 1, 30, "a leader")
        self.assertEqual(metric("carnet_schedule_errors_total"), 0)


if __name__ == "__main__":
    CARNET = os.path.abspath(sys.argv.pop(1))
    unittest.main()
