#!/usr/bin/env python3
"""Receivers of webhooks that break HTTP and TLS in every way: each call ends in time, with an outcome that says what was wrong and shows
nothing of the answer, and the server goes on.

    receivers_test.py CARNET
"""

import concurrent.futures
import datetime
import ipaddress
import os
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import harness
from receiver import Listening, Receiver, add, answer, outcome_of_test, tenant_call

CARNET = os.path.abspath(sys.argv[1])
OK = b"HTTP/1.1 200 OK\r\n"


class Raw(Listening):
    """A server that sees bytes only."""

    def __init__(self, act, host="127.0.0.1"):
        self.act = act
        self.listen(host)

    def _serve(self, connection):
        try:
            self.act(connection)
        except OSError:
            pass
        finally:
            connection.close()


def reset(connection):
    """Closes it by RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def reset_in_handshake(connection):
    connection.recv(65536)
    reset(connection)


def silent(_connection):
    threading.Event().wait(30)


def plain_text(connection):
    connection.recv(65536)
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" * 4)


def early_answer(connection):
    """Before it has read the request, and takes no more of it."""
    connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass


def says(*parts, then_close=True):
    def act(connection, _request):
        for part in parts:
            connection.sendall(part)
        return not then_close
    return act


def endless(head, more):
    def act(connection, _request):
        connection.sendall(head)
        while True:
            connection.sendall(more)
    return act


def resets(head):
    def act(connection, _request):
        connection.sendall(head)
        reset(connection)
        return False
    return act


def drip_header(connection, _request):
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(60):
        connection.sendall(b"x")
        threading.Event().wait(0.5)
    return False


HTTP = {  # what it does: (act, outcome)
    "continue-first": (says(b"HTTP/1.1 100 Continue\r\n\r\n", OK + b"Content-Length: 0\r\n\r\n"), "2xx"),
    "early-hints": (says(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"), "2xx"),
    "1xx-forever": (endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 100), "failed"),
    "headers-forever": (endless(OK, b"X-More: and more\r\n" * 100), "failed"),
    "header-line-forever": (endless(OK + b"X-Long: ", b"x" * 4096), "failed"),
    "header-drips": (drip_header, "timeout"),
    "http-1.0": (says(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end"), "2xx"),
    "http-0.9": (says(b"hello, here is no status line\r\n"), "failed"),
    "http-2-preface": (says(b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80"), "failed"),
    "status-999": (says(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), "failed"),
    "status-text": (says(b"HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n"), "failed"),
    "chunked": (says(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), "2xx"),
    "chunks-of-garbage": (says(OK + b"Transfer-Encoding: chunked\r\n\r\nZZZZ\r\nwhat\r\n"), "reset"),
    "chunks-forever": (endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"), "2xx"),
    "length-negative": (says(OK + b"Content-Length: -5\r\n\r\nabc"), "reset"),
    "no-length-forever": (endless(OK + b"\r\n", b"x" * 65536), "2xx"),
    "busy": (says(b"HTTP/1.1 429 Slow Down\r\nRetry-After: 86400\r\nContent-Length: 0\r\n\r\n"), "4xx"),
    "unavailable": (says(b"HTTP/1.1 503 Later\r\nRetry-After: Tue, 24 Nov 2099 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n"), "5xx"),
    "away": (says(b"HTTP/1.1 308 There\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"), "3xx"),
    "upgrade": (says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), "reset"),
    "closes-at-once": (says(), "reset"),
    "resets-at-once": (resets(b""), "reset"),
    "resets-in-the-head": (resets(OK + b"Content-Le"), "reset"),
}
RAW = {"early-answer": (early_answer, "4xx"), "silent": (silent, "timeout")}


def certified(folder, name, days_from, days_to, names):
    """A self-signed certificate and a context that serves it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.utcnow()
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(
        x509.random_serial_number()).not_valid_before(now + datetime.timedelta(days=days_from)).not_valid_after(
        now + datetime.timedelta(days=days_to)).add_extension(x509.SubjectAlternativeName(names), False).sign(key, hashes.SHA256())
    file = f"{folder}/{name}"
    with open(file + ".crt", "wb") as out:
        out.write(made.public_bytes(serialization.Encoding.PEM))
    with open(file + ".key", "wb") as out:
        out.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file + ".crt", file + ".key")
    return context


def outcomes(service, key, urls):
    """What a test call to each comes to, all at once: those that hang take ten seconds each."""
    with concurrent.futures.ThreadPoolExecutor(len(urls)) as crowd:
        return list(crowd.map(lambda url: outcome_of_test(service, key, url), urls))


def check_http(service, key):
    servers = [(name, Receiver(act), wanted) for name, (act, wanted) in HTTP.items()]
    servers += [(name, Raw(act), wanted) for name, (act, wanted) in RAW.items()]
    began = time.monotonic()
    found = outcomes(service, key, [f"http://127.0.0.1:{server.port}/" for _, server, _ in servers])
    print(f"{len(servers)} at once in {time.monotonic() - began:.1f} s")
    wrong = [(name, wanted, got) for (name, _, wanted), got in zip(servers, found) if got != wanted]
    assert not wrong, wrong
    for _, server, _ in servers:
        server.close()


def check_tls(service, key, contexts):
    cases = [("good", Receiver(answer(200), contexts["good"]), "2xx")]
    cases += [(name, Receiver(answer(200), contexts[name]), "tls") for name in ("expired", "early", "other-name")]
    cases += [("reset-in-handshake", Raw(reset_in_handshake), "tls"), ("plain-text", Raw(plain_text), "tls"),
              ("silent", Raw(silent), "timeout")]
    found = outcomes(service, key, [f"https://127.0.0.1:{server.port}/" for _, server, _ in cases])
    wrong = [(name, wanted, got) for (name, _, wanted), got in zip(cases, found) if got != wanted]
    assert not wrong, wrong
    for name, server, _ in cases:
        assert name == "good" or not getattr(server, "requests", []), name  # nothing was told to it
        server.close()


def check_kept_connections(service, key):
    """One that closes what it said it would keep loses nothing."""
    receiver = Receiver(says(OK + b"Content-Length: 0\r\nConnection: keep-alive\r\n\r\n"))
    hook = add(service, key, f"http://127.0.0.1:{receiver.port}/")
    for _ in range(4):
        assert tenant_call(service, key, "POST", f"/tenant/webhooks/{hook['id']}/test")["outcome"] == "2xx"
    assert len(receiver.requests) == 4, len(receiver.requests)
    tenant_call(service, key, "DELETE", f"/tenant/webhooks/{hook['id']}")
    receiver.close()


def check_retry_after(service, key):
    """The first retry comes within five seconds, and a little for the machine, whatever the receiver asks for."""
    times = []

    def act(connection, _request):
        times.append(time.monotonic())
        answer(503 if len(times) == 1 else 200, b"Retry-After: 3600\r\n")(connection, None)
    receiver = Receiver(act)
    hook = add(service, key, f"http://127.0.0.1:{receiver.port}/", events=["scan.completed"])
    tenant_call(service, key, "POST", "/pqc/scan", {"scenarioId": "bank-tls-inventory", "useFixture": True}, 202)
    receiver.wait(2, 60)
    assert times[1] - times[0] < 30, times
    tenant_call(service, key, "DELETE", f"/tenant/webhooks/{hook['id']}")
    receiver.close()


def check_ipv6(folder):
    try:
        receiver = Raw(lambda connection: answer(200)(connection, connection.recv(65536)), "::1")
    except OSError:
        print("no IPv6 here: left out")
        return
    data = f"{folder}/six"
    key = harness.init(CARNET, data)["operator"]
    with harness.Service(CARNET, data, "--allow-targets", "::1/128") as service:
        assert outcome_of_test(service, key, f"http://[::1]:{receiver.port}/") == "2xx"
        # The same address in other words is as forbidden as in its own.
        for host in ("[::ffff:127.0.0.1]", "[fe80::1]", "[::]", "[64:ff9b::7f00:1]", "0x7f.1", "2130706433", "localhost."):
            refused = harness.call("POST", service.url + "/tenant/webhooks", key, {"url": f"https://{host}/", "events": ["*"]})
            if refused.status == 201:
                assert tenant_call(service, key, "POST", f"/tenant/webhooks/{refused.json()['id']}/test")["outcome"] != "2xx", host
            else:
                assert refused.status == 422, (host, refused.body)
        assert service.stop() == 0
    receiver.close()


def main():
    with tempfile.TemporaryDirectory(prefix="carnet-receivers-") as folder:
        data = f"{folder}/data"
        key = harness.init(CARNET, data)["operator"]
        here, there = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))], [x509.DNSName("other.example")]
        contexts = {name: certified(folder, name, *dates, names) for name, dates, names in (
            ("good", (-1, 30), here), ("expired", (-30, -1), here), ("early", (2, 30), here), ("other-name", (-1, 30), there))}
        with open(f"{folder}/ca.pem", "w") as out:
            for name in contexts:
                out.write(open(f"{folder}/{name}.crt").read())
        with harness.Service(CARNET, data, "--outbound-ca-file", f"{folder}/ca.pem", "--rate-limit", "100000") as service:
            check_http(service, key)
            check_tls(service, key, contexts)
            check_kept_connections(service, key)
            check_retry_after(service, key)
            assert service.stop() == 0
        check_ipv6(folder)
    print("ok")


if __name__ == "__main__":
    main()
