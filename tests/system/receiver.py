"""Receivers of webhooks that do as a test likes, and the calls of Carnet's API that webhook tests share."""

import contextlib
import socket
import ssl
import subprocess
import threading

import harness


class Listening:
    """Serves every connection on a thread of its own."""

    def listen(self, host="127.0.0.1"):
        self.changed = threading.Condition()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.create_server((host, 0), family=family, backlog=128)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # or a thread in accept() would take one more
        self.socket.close()


class Receiver(Listening):
    """A raw TCP server; `act(connection, request)` does what it likes with each request."""

    def __init__(self, act, context=None):
        self.act, self.context = act, context
        self.requests, self.connections = [], []
        self.listen()

    def _serve(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            self.connections.append(connection)
            while request := self._read(connection):
                with self.changed:
                    self.requests.append(request)
                    self.changed.notify_all()
                if self.act(connection, request) is False:
                    break
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    @staticmethod
    def _read(connection):
        head = b""
        while b"\r\n\r\n" not in head:
            got = connection.recv(65536)
            if not got:
                return None
            head += got
        head, _, body = head.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        return {"line": lines[0], "headers": headers, "body": body}

    def wait(self, count, seconds=30):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.requests) >= count, seconds * harness.PATIENCE), \
                f"{len(self.requests)} requests instead of {count}"
        return self.requests

    def close(self):
        super().close()
        for connection in self.connections:
            connection.close()


def answer(status, extra=b"", body=b""):
    def act(connection, _request):
        connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), extra, body))
    return act


def tenant_call(service, key, method, path, body=None, status=200):
    reply = harness.call(method, service.url + path, key, body)
    assert reply.status == status, (method, path, reply.status, reply.body)
    return reply.json()


def add(service, key, url, **more):
    return tenant_call(service, key, "POST", "/tenant/webhooks", {"url": url, "events": ["*"], **more}, 201)


def outcome_of_test(service, key, url, **more):
    hook = add(service, key, url, **more)
    tested = tenant_call(service, key, "POST", f"/tenant/webhooks/{hook['id']}/test")
    tenant_call(service, key, "DELETE", f"/tenant/webhooks/{hook['id']}")
    return tested["outcome"]


def certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:127.0.0.1,DNS:{name}", "-keyout", f"{folder}/{name}.key",
                    "-out", f"{folder}/{name}.crt"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/{name}.crt", f"{folder}/{name}.key")
    return context
