"""A name server of the test's own: UDP on a loopback port, answers what a function tells it to. Remembers the questions."""

import ipaddress
import socket
import struct
import threading

A, CNAME, AAAA = 1, 5, 28
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def address(owner, text, ttl=0):
    packed = ipaddress.ip_address(text)
    return owner, A if packed.version == 4 else AAAA, ttl, packed.packed


def alias(owner, target):
    return owner, CNAME, 0, encode_name(target)


class NameServer:
    """`answer(name, type)` gives a list of records, a response code, or None for silence."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.05)
        self.at = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        self.socket.close()

    def count(self, name, kind):
        return self.asked.count((name, kind))

    def _serve(self):
        while not self.stopping.is_set():
            try:
                query, peer = self.socket.recvfrom(1500)
            except TimeoutError:
                continue
            reply = self._respond(query)
            if reply:
                self.socket.sendto(reply, peer)

    def _respond(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        name, kind = ".".join(labels), struct.unpack_from(">H", query, at + 1)[0]
        self.asked.append((name, kind))
        said = self.answer(name, kind)
        if said is None:
            return None
        code, records = (said, []) if isinstance(said, int) else (NOERROR, [r for r in said if r[1] in (kind, CNAME)])
        out = query[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, len(records), 0, 0) + query[12:at + 5]
        for owner, record_kind, ttl, data in records:
            out += encode_name(owner) + struct.pack(">HHIH", record_kind, 1, ttl, len(data)) + data
        return out
