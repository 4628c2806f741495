#!/usr/bin/env python3
"""Webhooks and mail of the whole program, to receivers on loopback that fail in every way.

Usage: webhook_test.py CARNET
"""

import base64
import contextlib
import email
import email.policy
import hashlib
import hmac
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import harness
import name_server
from receiver import Listening, Receiver, add, answer, certificate, outcome_of_test, tenant_call


CARNET = os.path.abspath(sys.argv[1])


def hang(_connection, _request):
    threading.Event().wait(60)


def drip(connection, _request):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    try:
        for _ in range(60):
            connection.sendall(b"x")
            threading.Event().wait(0.5)
    except OSError:
        pass
    return False


def huge(connection, _request):
    try:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)
    except OSError:
        return False


def cut(connection, _request):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
    return False


def slam(_connection, _request):
    return False


def start_scan(service, key):
    return tenant_call(service, key, "POST", "/pqc/scan", {"scenarioId": "bank-tls-inventory", "useFixture": True}, 202)["scanId"]


def check_outcomes(service, key, trusted, untrusted):
    cases = {
        "2xx": answer(204), "5xx": answer(500), "4xx": answer(404),
        "timeout": hang, "reset": slam,
    }
    for wanted, act in cases.items():
        receiver = Receiver(act)
        assert outcome_of_test(service, key, f"http://127.0.0.1:{receiver.port}/hook") == wanted, wanted
        receiver.close()
    receiver = Receiver(drip)
    assert outcome_of_test(service, key, f"http://127.0.0.1:{receiver.port}/") == "timeout"
    receiver.close()
    receiver = Receiver(huge)
    assert outcome_of_test(service, key, f"http://127.0.0.1:{receiver.port}/") == "2xx"
    receiver.close()
    receiver = Receiver(cut)
    assert outcome_of_test(service, key, f"http://127.0.0.1:{receiver.port}/") == "reset"
    receiver.close()
    # A redirect is an answer, not a way.
    other = Receiver(answer(200))
    receiver = Receiver(answer(301, b"Location: http://127.0.0.1:%d/\r\n" % other.port))
    assert outcome_of_test(service, key, f"http://127.0.0.1:{receiver.port}/") == "3xx"
    assert not other.requests
    receiver.close()
    other.close()
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert outcome_of_test(service, key, f"http://127.0.0.1:{port}/") == "refused"
    # TLS: a certificate of the operator's own CA file, and one of nobody's.
    receiver = Receiver(answer(200), trusted)
    assert outcome_of_test(service, key, f"https://127.0.0.1:{receiver.port}/") == "2xx"
    receiver.close()
    receiver = Receiver(answer(200), untrusted)
    assert outcome_of_test(service, key, f"https://127.0.0.1:{receiver.port}/") == "tls"
    assert not receiver.requests
    receiver.close()
    # Carnet never calls itself.
    assert outcome_of_test(service, key, service.url + "/health") == "blocked"
    for url in ("https://10.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest", "http://93.184.216.34/"):
        refused = harness.call("POST", service.url + "/tenant/webhooks", key, {"url": url, "events": ["*"]})
        assert refused.status == 422, (url, refused.body)


def check_signature(service, key):
    receiver = Receiver(answer(200, b"Set-Cookie: secret=1\r\n", b"private words of the receiver"))
    hook = add(service, key, f"http://127.0.0.1:{receiver.port}/hook?a=1", events=["scan.completed"])
    scan = start_scan(service, key)
    request = receiver.wait(1)[0]
    headers, body = request["headers"], request["body"]
    assert request["line"] == "POST /hook?a=1 HTTP/1.1"
    signed = headers["x-carnet-timestamp"].encode() + b"." + body
    assert headers["x-carnet-signature"] == "sha256=" + hmac.new(hook["secret"].encode(), signed, hashlib.sha256).hexdigest()
    payload = json.loads(body)
    assert payload["schemaVersion"] == "carnet-webhook-v1" and payload["event"] == "scan.completed" and payload["scanId"] == scan
    assert payload["deliveryId"] == headers["x-carnet-delivery-id"]
    check_schema(payload)
    check_snippets(hook["secret"], headers, body)
    path = f"/tenant/webhooks/{hook['id']}"
    harness.wait_until(lambda: tenant_call(service, key, "GET", path + "/deliveries")["deliveries"][0]["state"] == "delivered", 10, "delivered")
    shown = harness.call("GET", service.url + path, key).body + harness.call("GET", service.url + path + "/deliveries", key).body
    assert b"private words" not in shown and hook["secret"].encode() not in shown
    # Both secrets sign while they overlap.
    rotated = tenant_call(service, key, "POST", path + "/rotate-secret", {"overlapHours": 1})
    start_scan(service, key)
    request = receiver.wait(2)[1]
    signatures = request["headers"]["x-carnet-signature"].split(", ")
    signed = request["headers"]["x-carnet-timestamp"].encode() + b"." + request["body"]
    assert signatures == ["sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
                          for secret in (rotated["secret"], hook["secret"])]
    check_snippets(hook["secret"], request["headers"], request["body"])
    check_snippets(rotated["secret"], request["headers"], request["body"])
    tenant_call(service, key, "DELETE", path)
    receiver.close()


def check_schema(payload):
    import jsonschema
    schema = json.loads((pathlib.Path(__file__).parents[2] / "data/carnet-webhook-v1.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(payload)


def snippets():
    text = (pathlib.Path(__file__).parents[2] / "docs/webhooks.md").read_text()
    return dict(re.findall(r"```(python|js|sh)\n(.*?)```", text, re.S))


def check_snippets(secret, headers, body):
    """What docs/webhooks.md tells receivers to do takes this call and refuses a changed one."""
    found = snippets()
    names = {"python": ["/usr/bin/python3"], "js": ["node"], "sh": ["sh"]}
    assert set(found) == set(names), found.keys()
    for language, command in names.items():
        if not shutil.which(command[0]):
            assert language == "js", language
            continue
        for good in (True, False):
            with tempfile.TemporaryDirectory() as folder:
                file = pathlib.Path(folder, "verify")
                file.write_text(found[language])
                sent = pathlib.Path(folder, "body")
                sent.write_bytes(body if good else body.replace(b"carnet", b"cornet", 1))
                done = subprocess.run([*command, str(file), secret, headers["x-carnet-timestamp"], headers["x-carnet-signature"],
                                       str(sent)], capture_output=True, text=True, timeout=60)
                assert (done.returncode == 0) == good, (language, good, done.stdout, done.stderr)


def check_retry_and_gone(service, key):
    times, statuses = [], iter([500, 200, 410, 200])

    def act(connection, request):
        times.append((time.monotonic(), request["headers"]["x-carnet-delivery-id"], request["body"]))
        answer(next(statuses))(connection, request)
    receiver = Receiver(act)
    hook = add(service, key, f"http://127.0.0.1:{receiver.port}/", events=["scan.completed"])
    path = f"/tenant/webhooks/{hook['id']}"

    def delivered(count):
        rows = tenant_call(service, key, "GET", path + "/deliveries?state=delivered")
        return rows["count"] == count
    start_scan(service, key)
    receiver.wait(2)
    harness.wait_until(lambda: delivered(1), 10, "the retry")
    took = times[1][0] - times[0][0]
    assert took < 6 or took < 6 * harness.slowness(), "the first retry comes within five seconds, and a little for the machine"
    assert times[0][1:] == times[1][1:]
    start_scan(service, key)
    receiver.wait(3)
    harness.wait_until(lambda: tenant_call(service, key, "GET", path)["state"] == "paused", 10, "paused")
    assert tenant_call(service, key, "GET", path)["pauseReason"] == "gone"
    tenant_call(service, key, "PATCH", path, {"paused": False})
    receiver.wait(4)
    harness.wait_until(lambda: delivered(2), 10, "what was held")
    assert times[2][1:] == times[3][1:]
    tenant_call(service, key, "DELETE", path)
    receiver.close()


def check_command_line(service, data, key):
    receiver = Receiver(answer(200))
    common = ["--url", service.url, "--key", key]
    made = harness.run(CARNET, "webhook", "add", f"http://127.0.0.1:{receiver.port}/", "--event", "alert.*", "--format", "slack", *common)
    assert made.returncode == 0 and "whsec_" in made.stdout, made
    hook = re.search(r"hook_\w+", made.stdout).group(0)
    listed = harness.run(CARNET, "webhook", "list", *common)
    assert hook in listed.stdout and "alert.*" in listed.stdout, listed
    tested = harness.run(CARNET, "webhook", "test", hook, *common)
    assert tested.returncode == 0 and "2xx" in tested.stdout, tested
    assert "blocks" in json.loads(receiver.requests[0]["body"])
    for command, word in (("pause", "paused"), ("resume", "active"), ("dlq", "no dead letters"), ("deliveries", "no deliveries"),
                          ("replay", "0 to be"), ("rotate", "whsec_"), ("rm", "deleted")):
        done = harness.run(CARNET, "webhook", command, hook, *common)
        assert done.returncode == 0 and word in done.stdout, (command, done)
    assert harness.run(CARNET, "webhook", "test", hook, *common).returncode != 0
    receiver.close()


def check_metrics(service):
    text = harness.call("GET", service.url + "/metrics").body.decode()
    for name in ('carnet_delivery_attempts_total{channel="webhook",outcome="2xx"}', 'carnet_deliveries{state="queued"}',
                 "carnet_deliveries_oldest_due_seconds", 'carnet_pool_used{pool="deliveries"}', 'carnet_webhooks{state="active"}'):
        assert name in text, name


class MailServer(Listening):
    """A scripted SMTP server: `script` gives its answer to a verb, "hang", or None for what is usual; keeps the messages that it took.
    `upgrade`: the context of a STARTTLS without which it takes nothing."""

    def __init__(self, script=None, context=None, password=None, upgrade=None, host="127.0.0.1"):
        self.script, self.context, self.password = script or (lambda verb, number: None), context, password
        self.upgrade, self.clear = upgrade, []
        self.messages, self.commands = [], []
        self.listen(host)

    def _serve(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            if not self._dialogue(connection.makefile("rwb"), "220 mail.example ESMTP", self.upgrade is None):
                connection = self.upgrade.wrap_socket(connection, server_side=True)
                self._dialogue(connection.makefile("rwb"), None, True)
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def _dialogue(self, stream, greeting, secure):
        """False if TLS is to begin; `secure`: it need not."""
        def say(line):
            stream.write(line.encode() + b"\r\n")
            stream.flush()
        if greeting:
            say(greeting)
        while line := stream.readline().decode():
            verb = line.split(" ")[0].split(":")[0].strip().upper()
            with self.changed:
                self.commands.append(line.strip())
                number = sum(command.upper().startswith(verb) for command in self.commands)
                self.changed.notify_all()
            scripted = self.script(verb, number)
            if scripted == "hang":
                threading.Event().wait(90)
            elif scripted:
                say(scripted)
            elif verb == "STARTTLS" and not secure:
                say("220 go on")
                return False
            elif not secure and verb != "QUIT":
                self.clear.append(verb)
                say("250-mail.example\r\n250 STARTTLS" if verb == "EHLO" else "530 STARTTLS first")
            elif verb == "EHLO":
                say("250-mail.example" if self.password else "250 mail.example")
                if self.password:
                    say("250 AUTH PLAIN")
            elif verb == "AUTH":
                if line.count(" ") == 1:
                    say("334 ")
                token = line.split(" ")[2] if line.count(" ") > 1 else stream.readline().decode()
                right = base64.b64decode(token).split(b"\0")[2].decode() == self.password
                say("235 welcome" if right else "535 wrong")
            elif verb == "DATA":
                say("354 go on")
                data = b""
                while not data.endswith(b"\r\n.\r\n"):
                    data += stream.readline()
                with self.changed:
                    self.messages.append(data[:-3].replace(b"\r\n..", b"\r\n."))
                    self.changed.notify_all()
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                return True
            else:
                say("250 fine")
        return True

    def wait(self, count, seconds=30):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.messages) >= count, seconds * harness.PATIENCE), f"{len(self.messages)} messages"
        return self.messages


def mail_case(folder, name, server, flags, check, url="smtp", host="127.0.0.1"):
    """A schedule that mails, run once against this mail server."""
    data = f"{folder}/{name}"
    key = harness.init(CARNET, data)["operator"]
    with harness.Service(CARNET, data, "--smtp-url", f"{url}://{host}:{server.port}", "--smtp-from", "carnet@example.org",
                         "--rate-limit", "100000", *flags) as service:
        schedule = tenant_call(service, key, "POST", "/tenant/schedules", {
            "name": "Prüfung der Läden", "scan": {"scenarioId": "bank-tls-inventory", "useFixture": True},
            "notify": {"emails": ["team@example.org"], "on": "always"}}, 201)
        harness.call("POST", f"{service.url}/tenant/schedules/{schedule['id']}/run", key, {})
        check(service, key)
        assert service.stop() == 0
    server.close()


def mail_state(service, key, state, outcome):
    def look():
        rows = tenant_call(service, key, "GET", "/tenant/mail")["deliveries"]
        return rows and rows[0]["state"] == state and rows[0]["lastOutcome"] == outcome and rows[0]
    return harness.wait_until(look, 90, f"{state} with {outcome}")


def check_mail(folder, trusted, untrusted):
    password = f"{folder}/password"
    pathlib.Path(password).write_text("right horse\n")
    login = ["--smtp-user", "carnet", "--smtp-password-file", password]

    def taken(service, key):
        row = mail_state(service, key, "delivered", "2xx")
        message = email.message_from_bytes(server.wait(1)[0], policy=email.policy.default)
        assert message["To"] == "<team@example.org>" or "team@example.org" in message["To"]
        assert "Prüfung der Läden" in message["Subject"] and not message.defects
        assert message["Message-ID"] == f"<{row['id']}@example.org>" and message["Auto-Submitted"] == "auto-generated"
        assert "Prüfung der Läden" in message.get_content()
        shown = harness.run(CARNET, "config", "--data", f"{folder}/mail-login", "--smtp-url", "smtp://mail.example", "--smtp-from",
                            "a@b.example", *login)
        assert "right horse" not in shown.stdout, shown.stdout
    server = MailServer(password="right horse")
    mail_case(folder, "mail-login", server, login, taken)
    server = MailServer(context=trusted)
    mail_case(folder, "mail-tls", server, ["--outbound-ca-file", f"{folder}/trusted.crt"], taken, "smtps")
    # What failed for now is tried again, what failed for good is not.
    server = MailServer(lambda verb, number: "451 later" if verb == "RCPT" and number == 1 else None)
    mail_case(folder, "mail-grey", server, [], taken)
    server = MailServer(lambda verb, _number: "550 no such user" if verb == "RCPT" else None)
    mail_case(folder, "mail-no", server, [], lambda service, key: mail_state(service, key, "dead", "5xx"))
    server = MailServer(password="another")
    mail_case(folder, "mail-wrong", server, login, lambda service, key: mail_state(service, key, "queued", "login"))
    server = MailServer(context=untrusted)
    mail_case(folder, "mail-cert", server, [], lambda service, key: mail_state(service, key, "queued", "tls"), "smtps")
    server = MailServer()
    server.close()
    mail_case(folder, "mail-off", server, [], lambda service, key: mail_state(service, key, "queued", "refused"))
    server = MailServer(lambda verb, _number: "hang" if verb == "MAIL" else None)
    mail_case(folder, "mail-hang", server, [], lambda service, key: mail_state(service, key, "queued", "timeout"))


def check_starttls(folder):
    """STARTTLS with the name that was asked for, and no word in the clear where it cannot be."""
    here = harness.own_address()
    if here is None:
        print("no address but loopback: STARTTLS left out")
        return
    password = f"{folder}/password"
    ours, stranger = certificate(folder, "mail.example"), certificate(folder, "other.example")
    with name_server.NameServer(lambda name, kind: [name_server.address(name, here)]) as dns:
        flags = ["--outbound-ca-file", f"{folder}/mail.example.crt", "--dns-server", dns.at, "--smtp-user", "carnet",
                 "--smtp-password-file", password]

        def case(name, server, state, outcome):
            mail_case(folder, name, server, flags, lambda service, key: mail_state(service, key, state, outcome), host="mail.example")
        server = MailServer(upgrade=ours, password="right horse", host=here)
        case("mail-starttls", server, "delivered", "2xx")
        assert server.clear == ["EHLO"] and any(line.startswith("AUTH") for line in server.commands), server.commands
        assert len(server.messages) == 1 and b"team@example.org" in server.messages[0]
        for name, server in (("mail-none", MailServer(password="right horse", host=here)),
                             ("mail-stranger", MailServer(upgrade=stranger, password="right horse", host=here)),
                             ("mail-refuses", MailServer(lambda verb, _number: "454 not now" if verb == "STARTTLS" else None,
                                                         upgrade=ours, password="right horse", host=here))):
            case(name, server, "queued", "tls")
            assert not server.messages and not any(line.startswith(("AUTH", "MAIL")) for line in server.commands), server.commands


def main():
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/data"
        keys = harness.init(CARNET, data)
        trusted, untrusted = certificate(folder, "trusted"), certificate(folder, "untrusted")
        key = keys["operator"]
        with harness.Service(CARNET, data, "--outbound-ca-file", f"{folder}/trusted.crt", "--rate-limit", "100000") as service:
            check_signature(service, key)
            check_retry_and_gone(service, key)
            check_outcomes(service, key, trusted, untrusted)
            check_command_line(service, data, key)
            check_metrics(service)
            # What waits when the server stops is sent by the next one.
            receiver = Receiver(hang)
            add(service, key, f"http://127.0.0.1:{receiver.port}/", events=["scan.completed"])
            start_scan(service, key)
            receiver.wait(1)
            assert service.stop() == 0
            receiver.act = answer(200)
        with harness.Service(CARNET, data, "--outbound-ca-file", f"{folder}/trusted.crt", "--rate-limit", "100000"):
            again = receiver.wait(2)
            assert again[0]["body"] == again[1]["body"]
            receiver.close()
        check_mail(folder, trusted, untrusted)
        check_starttls(folder)
    print("ok")


if __name__ == "__main__":
    main()
