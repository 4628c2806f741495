#!/usr/bin/env python3
"""Two hundred visitors open one link at the same moment; the count must be exact.

    bench/open_burst.py [--carnet build/release/carnet] [--visitors 200] [--rounds 5]

Each visitor has a connection that is open already; all send `POST /r/{token}/open` and each waits for its own answer. A link with
as many views as visitors must grant all, one with half as many exactly half. Prints for each round how many were granted, the
median and the 99th percentile of the time from a visitor's send to its answer. Exits 1 if a count is wrong or the median
round's p99 is 50 ms or more. Load goes to 127.0.0.1 only; everything started here is stopped here.
"""

import argparse
import pathlib
import selectors
import signal
import socket
import statistics
import sys
import tempfile
import time

from compare import ROOT, call, prepare, serve

P99_MS_MAX = 50.0


def burst(host, port, token, visitors):
    request = (f"POST /r/{token}/open HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\nContent-Length: 0\r\n\r\n").encode()
    selector = selectors.DefaultSelector()
    connections = []
    for _ in range(visitors):
        connection = socket.create_connection((host, port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
        connections.append(connection)
    sent, took_ms, statuses = {}, [], []
    for connection in connections:
        sent[connection] = time.perf_counter()
        connection.sendall(request)
    while sent:
        for key, _ in selector.select(10) or sys.exit("no answer within ten seconds"):
            now = time.perf_counter()
            connection = key.fileobj
            head = connection.recv(65536)
            took_ms.append((now - sent.pop(connection)) * 1000)
            statuses.append(int(head.split(b" ", 2)[1]))
            selector.unregister(connection)
    for connection in connections:
        connection.close()
    took_ms.sort()
    return statuses.count(200), statistics.median(took_ms), took_ms[max(0, int(len(took_ms) * 0.99) - 1)]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--carnet", default=str(ROOT / "build/release/carnet"))
    options.add_argument("--visitors", type=int, default=200)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    failed = False
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder:
        data = str(pathlib.Path(folder) / "data")
        key, scan_id, *_ = prepare(given.carnet, data)
        child, base, _ = serve(given.carnet, data)
        try:
            host, port = base.removeprefix("http://").rsplit(":", 1)
            for seats in (given.visitors, given.visitors // 2):
                tails = []
                for _ in range(given.rounds):
                    link = call("POST", f"{base}/tenant/scans/{scan_id}/share", key, {"maxViews": seats})
                    granted, median, tail = burst(host, int(port), link["token"], given.visitors)
                    counted = call("GET", f"{base}/tenant/shares/{link['id']}", key)["viewCount"]
                    tails.append(tail)
                    exact = granted == counted == seats
                    failed = failed or not exact
                    print(f"{given.visitors} visitors, {seats} views: {granted} granted, {counted} counted "
                          f"({'exact' if exact else 'WRONG'}), median {median:.1f} ms, p99 {tail:.1f} ms")
                print(f"  p99 of the median round: {statistics.median(tails):.1f} ms (goal: below {P99_MS_MAX:.0f} ms)")
                failed = failed or statistics.median(tails) >= P99_MS_MAX
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(15)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
