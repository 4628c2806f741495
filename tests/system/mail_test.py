#!/usr/bin/env python3
"""Mail of schedules through a real mail server, Debian's Exim, that takes nothing without TLS and a login: a run that the clock began ends,
and its message is read from the recipient's mailbox.

    mail_test.py CARNET
"""

import datetime
import email
import email.policy
import email.utils
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

import harness
import name_server
import peers
from harness import Service, TlsServer, call, wait_until

CARNET = os.path.abspath(sys.argv[1])
PASSWORD = "right horse"
HERE = harness.own_address() or "127.0.0.1"
STARTTLS = "smtp" if HERE != "127.0.0.1" else "smtps"  # to loopback there is none
NAME = "Prüfung der Läden – 東京 📬, jede Stunde und zu jedem Anlass, den die Revision sich noch denken mag"


class Certified:
    """A certificate for mail.example of an authority of the test's own."""

    def __init__(self, folder):
        self.ca, self.crt, self.key = (f"{folder}/{name}" for name in ("ca.crt", "mail.crt", "mail.key"))
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        pathlib.Path(f"{folder}/names").write_text("subjectAltName=DNS:mail.example\n")
        for command in (["req", "-x509", *new, "-days", "30", "-subj", "/CN=Test CA", "-keyout", f"{folder}/ca.key", "-out", self.ca],
                        ["req", *new, "-subj", "/CN=mail.example", "-keyout", self.key, "-out", f"{folder}/csr"],
                        ["x509", "-req", "-in", f"{folder}/csr", "-CA", self.ca, "-CAkey", f"{folder}/ca.key", "-CAcreateserial",
                         "-days", "30", "-extfile", f"{folder}/names", "-out", self.crt]):
            subprocess.run(["openssl", *command], check=True, capture_output=True)
        os.chmod(self.key, 0o644)


def ask(service, key, method, path, body=None, status=200):
    answer = call(method, service.url + path, key, body)
    assert answer.status == status, (method, path, answer.status, answer.body)
    return answer.json()


def schedule(service, key, port, **more):
    body = {"name": NAME, "jitterMinutes": 0, "scan": {"target": f"127.0.0.1:{port}", "kinds": ["tls"], "profile": "quick"},
            "notify": {"emails": ["team@example.org"], "on": "always"}, **more}
    return ask(service, key, "POST", "/tenant/schedules", body, 201)


def patient(look, seconds, what):
    """wait_until with a pause that spares a busy machine."""
    pause = threading.Event()
    return wait_until(lambda: look() or pause.wait(0.3), seconds, what)


def mails(service, key):
    return {(row["recipient"], row["state"], row["lastOutcome"]): row for row in ask(service, key, "GET", "/tenant/mail")["deliveries"]}


def arrived(host, wanted):
    """The messages in the mailbox: raw bytes and how Python reads them."""
    def look():
        files = sorted(pathlib.Path(host.maildir).glob("new/*"))
        return len(files) >= wanted and [file.read_bytes() for file in files]
    raw = patient(look, 120, f"{wanted} messages in the mailbox") if wanted else list(pathlib.Path(host.maildir).glob("new/*"))
    assert len(raw) == wanted, raw
    return [(text, email.message_from_bytes(text, policy=email.policy.default)) for text in raw]


def check_message(raw, message, row, recipient):
    """What RFC 5322, 2045 and 3834 ask of it, and what was sent."""
    assert not message.defects and not raw.replace(b"\n", b"").translate(None, bytes(range(9, 127))), raw
    assert max(map(len, raw.split(b"\n\n", 1)[0].split(b"\n"))) <= 120, raw  # Exim's own lines are the longest
    assert message["Envelope-To"] == recipient and message["Return-Path"] == "<carnet@example.org>"
    assert [str(address) for address in message["To"].addresses] == [recipient]
    assert str(message["From"]) == "Carnet <carnet@example.org>"
    assert message["Message-ID"] == f"<{row['id']}@example.org>", message["Message-ID"]
    assert message["Auto-Submitted"] == "auto-generated" and message["MIME-Version"] == "1.0"
    for name in ("Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type"):
        assert len(message.get_all(name)) == 1, name
    age = datetime.datetime.now(datetime.timezone.utc) - email.utils.parsedate_to_datetime(message["Date"])
    assert datetime.timedelta(seconds=-2) < age < datetime.timedelta(minutes=20), age
    received = " ".join(message["Received"].split())
    assert " with esmtpsa " in received and " by mail.example " in received, received
    assert message.get_content_type() == "text/plain" and message.get_content_charset() == "utf-8"
    return message["Subject"], message.get_content().replace("\r\n", "\n")


def check_clock(service, key, host, port, before):
    """A run that the clock begins tells those whom it can; of one address the server knows nothing."""
    now = datetime.datetime.now(datetime.timezone.utc)
    due = (now + datetime.timedelta(seconds=65)).replace(second=0, microsecond=0)
    made = schedule(service, key, port, cron=f"{due.minute} * * * *",
                    notify={"emails": ["team@example.org", "nobody@example.org", "ops@example.org"], "on": "always"})
    assert made["nextRunAt"] == due.strftime("%Y-%m-%dT%H:%M:%SZ"), made

    def ended():
        runs = ask(service, key, "GET", f"/tenant/schedules/{made['id']}/runs")["runs"]
        return runs and runs[0]["status"] not in ("running", "queued") and runs[0]
    run = patient(ended, 240, "the run that the clock begins")
    assert (run["trigger"], run["status"], run["dueAt"]) == ("schedule", "success", made["nextRunAt"]), run
    messages = arrived(host, before + 2)[before:]
    told = {row["recipient"]: row for row in patient(
        lambda: (lambda found: found if {row["state"] for row in found} == {"delivered", "dead"} else None)(
            [row for row in ask(service, key, "GET", "/tenant/mail")["deliveries"] if row["createdAt"][:19] + "Z" >= made["nextRunAt"]]),
        60, "the ends of the deliveries")}
    assert {name: (row["state"], row["lastOutcome"]) for name, row in told.items()} == {
        "team@example.org": ("delivered", "2xx"), "ops@example.org": ("delivered", "2xx"), "nobody@example.org": ("dead", "5xx")}, told
    assert {message["Envelope-To"] for _, message in messages} == {"team@example.org", "ops@example.org"}
    for raw, message in messages:
        recipient = str(message["Envelope-To"])
        subject, text = check_message(raw, message, told[recipient], recipient)
        score = ask(service, key, "GET", f"/pqc/scan/{run['scanId']}")["readinessScore"]
        assert subject.startswith(NAME + ": readiness ") and f"{score:.1f}" in subject, subject
        assert NAME in text and f"/pqc/scan/{run['scanId']}\n" in text and made["id"] in text, text
        # The link is one that the key opens.
        found = re.search(r"^Scan: (\S+)$", text, re.M)
        assert found and call("GET", found.group(1), key).status == 200, text
    ask(service, key, "DELETE", f"/tenant/schedules/{made['id']}")


def main():
    with tempfile.TemporaryDirectory(prefix="carnet-mail-") as folder, TlsServer(folder) as target:
        os.chmod(folder, 0o755)
        certificate = Certified(folder)
        password = pathlib.Path(folder, "password")
        password.write_text(PASSWORD + "\n")
        data = f"{folder}/data"
        key = harness.init(CARNET, data)["operator"]
        with peers.mail_host(folder, certificate, HERE, "carnet", PASSWORD) as host, \
                name_server.NameServer(lambda name, kind: [name_server.address(name, HERE)]) as dns:
            common = ["--dns-server", dns.at, "--smtp-from", "carnet@example.org", "--smtp-user", "carnet", "--smtp-password-file", password,
                      "--rate-limit", "100000"]
            server = ["--smtp-url", f"{STARTTLS}://mail.example:{host.ports[STARTTLS]}"]
            # Of an authority that nobody trusts: not a word of the message, and it is kept.
            with Service(CARNET, data, *common, *server) as service:
                plain = schedule(service, key, target.port, name=".plain, =?utf-8?q?and?= no dots\tlost")
                ask(service, key, "POST", f"/tenant/schedules/{plain['id']}/run", status=202)
                patient(lambda: ("team@example.org", "queued", "tls") in mails(service, key), 90, "a queued mail")
                assert service.stop() == 0
            arrived(host, 0)
            with Service(CARNET, data, *common, *server, "--outbound-ca-file", certificate.ca) as service:
                raw, message = arrived(host, 1)[0]
                row = patient(lambda: mails(service, key).get(("team@example.org", "delivered", "2xx")), 60, "delivered")
                subject, text = check_message(raw, message, row, "team@example.org")
                assert subject.startswith(".plain, =?utf-8?q?and?= no dots lost: readiness"), subject
                assert 'schedule ".plain, =?utf-8?q?and?= no dots lost"' in text, text
                check_clock(service, key, host, target.port, 1)
                assert service.stop() == 0
            # TLS from the first byte.
            with Service(CARNET, data, *common, "--smtp-url", f"smtps://mail.example:{host.ports['smtps']}", "--outbound-ca-file",
                         certificate.ca) as service:
                ask(service, key, "POST", f"/tenant/schedules/{plain['id']}/run", status=202)
                arrived(host, 4)
                assert service.stop() == 0
    print("ok")


if __name__ == "__main__":
    try:
        main()
    except peers.Skipped as reason:
        print("skipped:", reason)
        sys.exit(77)
