#!/usr/bin/env python3
"""Ten thousand queued webhooks to a receiver on loopback: deliveries a second, alone, beside one that is dead, and beside one that
hangs; and Python's http.client sending the same signed bodies in the same run.

    bench/webhook_bench.py [--carnet build/release/carnet] [--count 10000] [--goal 500] [--threads 16]

The real server on a data directory of its own (SQLite) with one sample scan; its deliveries are put into the queue while it is stopped, as the
outbox would have written them. The receiver is a small asyncio server, the same for all. Exits 1 where the rate is below the goal, or a dead or
hanging receiver takes more than a third of it. Load goes to 127.0.0.1 only; everything started here is stopped here.
"""

import argparse
import asyncio
import hashlib
import hmac
import http.client
import json
import multiprocessing
import pathlib
import socket
import sqlite3
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/system"))
import harness  # noqa: E402

LOSS_MAX = 1 / 3


class Counting(asyncio.Protocol):
    """Answers 204 to every request and counts them; enough of HTTP for bodies with a Content-Length."""

    def __init__(self, count):
        self.count, self.buffer = count, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15:].split(b"\r\n", 1)[0])
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length:]
            with self.count.get_lock():
                self.count.value += 1
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def receive(listener, count):
    async def serve():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Counting(count), sock=listener)
        await server.serve_forever()
    asyncio.run(serve())


class Receiver:
    """In a process of its own, so that it is not what is measured."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.count = multiprocessing.Value("q", 0)
        self.child = multiprocessing.Process(target=receive, args=(self.listener, self.count), daemon=True)
        self.child.start()
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.join()
        self.listener.close()


def add(service, key, port):
    reply = harness.call("POST", service.url + "/tenant/webhooks", key, {"url": f"http://127.0.0.1:{port}/hook", "events": ["alert.raised"]})
    assert reply.status == 201, reply.body
    return reply.json()


ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def delivery_id(number):
    digits = ""
    for _ in range(26):
        digits = ALPHABET[number & 31] + digits
        number >>= 5
    return "dlv_" + digits


def body_of(identifier, tenant):
    return json.dumps({"schemaVersion": "carnet-webhook-v1", "event": "alert.raised", "deliveryId": identifier,
                       "createdAt": "2026-11-24T05:30:54Z", "tenantId": tenant, "scanId": None, "readinessScore": 41.5, "alerts": [],
                       "verifyUrl": "https://carnet.example.org/verify", "message": "The score dropped."})


def enqueue(data, hooks, count, start):
    database = sqlite3.connect(f"{data}/carnet.db")
    now = int(time.time() * 1000)
    rows = []
    for hook in hooks:
        tenant = database.execute("SELECT tenant_id FROM webhooks WHERE id = ?", (hook,)).fetchone()[0]
        for _ in range(count):
            start += 1
            identifier = delivery_id((now << 80) + start)
            rows.append((identifier, tenant, hook, hook, "alert.raised", body_of(identifier, tenant), "queued", 0, 0, now, now, now + 86400000))
    with database:
        database.executemany("INSERT INTO deliveries (id, tenant_id, webhook_id, lane, event, body, state, attempts, replays, created_at, due_at, "
                             "expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    database.close()
    return start


def drain(options, data, receiver, expected):
    """Seconds from the server's ready line until the receiver has counted all."""
    with harness.Service(options.carnet, data) as service:
        begun = time.monotonic()
        pause = threading.Event()
        while receiver.count.value < expected and time.monotonic() - begun < 300:
            pause.wait(0.005)
        took = time.monotonic() - begun
        assert receiver.count.value >= expected, f"only {receiver.count.value} of {expected} came within five minutes"
        service.stop()
    return took


def peer(receiver, options, secret):
    """What a careful script does: one connection a thread, a signature a call."""
    def work(count):
        connection = http.client.HTTPConnection("127.0.0.1", receiver.port)
        for number in range(count):
            body = body_of(delivery_id(number), "ten_01k7q8f0gze5fvsq0y4n3rbx2m").encode()
            timestamp = str(int(time.time()))
            signature = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
            connection.request("POST", "/hook", body, {"Content-Type": "application/json", "X-Carnet-Timestamp": timestamp,
                                                       "X-Carnet-Signature": "sha256=" + signature})
            connection.getresponse().read()
        connection.close()
    threads = [threading.Thread(target=work, args=(options.count // options.threads,)) for _ in range(options.threads)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return options.count // options.threads * options.threads / (time.monotonic() - begun)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--carnet", default=str(ROOT / "build/release/carnet"))
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--goal", type=float, default=500)
    parser.add_argument("--threads", type=int, default=16)
    options = parser.parse_args()
    options.carnet = str(pathlib.Path(options.carnet).resolve())
    failed = False
    with tempfile.TemporaryDirectory() as folder, Receiver() as good:
        data = f"{folder}/data"
        key = harness.init(options.carnet, data)["operator"]
        hanging = socket.create_server(("127.0.0.1", 0), backlog=512)  # takes connections and says nothing
        with socket.create_server(("127.0.0.1", 0)) as closed:
            dead_port = closed.getsockname()[1]
        with harness.Service(options.carnet, data) as service:
            hooks = {name: add(service, key, port) for name, port in
                     (("good", good.port), ("dead", dead_port), ("hanging", hanging.getsockname()[1]))}
            service.stop()
        rates, start, expected = {}, 0, 0
        for case, others in (("alone", []), ("beside a dead one", ["dead"]), ("beside a hanging one", ["hanging"]),
                             ("beside both", [])):  # what was queued for them is still there
            start = enqueue(data, [hooks[name]["id"] for name in ["good", *others]], options.count, start)
            expected += options.count
            rates[case] = options.count / drain(options, data, good, expected)
        beside = peer(good, options, hooks["good"]["secret"])
        hanging.close()
    for case, rate in rates.items():
        bad = rate < options.goal or rate < rates["alone"] * (1 - LOSS_MAX)
        failed = failed or bad
        print(f"{case:24} {rate:8.0f} deliveries/s  {rate / beside:5.2f} of the peer{'  MISSED' if bad else ''}")
    print(f"{'http.client, ' + str(options.threads) + ' threads':24} {beside:8.0f} calls/s")
    print(f"goal: {options.goal:.0f} deliveries/s, and at most a third lost to a dead or hanging receiver")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
