"""Texts that have broken programs before, one or two of each kind, and servers that put them wherever a server can: names of
certificates, key ids of a JWKS, an SSH banner and its algorithms, greetings and HTTP headers. Each text carries its own mark
(n01, n02 …), so that a reader can tell that it arrived."""

import base64
import datetime
import json
import socket
import ssl
import struct
import threading
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TEXTS = {
    "n01": '<script>document.title="pwned"</script>n01',
    "n02": '"><img src=x onerror=alert(1)>n02',
    "n03": "n03' autofocus onfocus='alert(1)",
    "n04": "</title></textarea><svg/onload=alert(1)>n04",
    "n05": "&lt;script&gt;n05&amp;&#x3c;b&#62;",
    "n06": "javascript:alert(1)//n06",
    "n07": "\u202egnp.n07.exe\u202c",
    "n08": "\u2066n08\u2069\u200f\u061c",
    "n09": "n\u200b0\u206009\ufeff n09\u00ad",
    "n10": "n10 👩\u200d💻🏴\u200d☠️🇺🇳",
    "n11": "n11 مرحبا שלום 日本語 한국어 ไทย",
    "n12": "n12 Z" + "\u0336\u035b\u0328" * 30,
    "n13": "n13" + "W" * 190,
    "n14": "null undefined NaN None 0 -1 false n14",
    "n15": "=cmd|'/C calc'!A0 n15",
    "n16": "+1+1 n16",
    "n17": "-2+3 n17",
    "n18": "@SUM(1+1)*n18",
    "n19": "\t=1+1 n19",
    "n20": "\uff1d1\uff0b1 n20",
    "n21": "../../../../etc/passwd n21",
    "n22": "..\\..\\windows\\n22.ini",
    "n23": "/etc/cron.d/n23",
    "n24": "CON.n24:stream",
    "n25": 'n25\r\n{"level":"error","event":"forged"}\r\nSet-Cookie: forged=1',
    "n26": "%0d%0aX-Forged:%201 n26",
    "n27": "{{passcode}} {{{n27}}} {{#each}} ${n27} <%= 7*7 %> {% n27 %}",
    "n28": 'n28","status":"forged"}],"forged":[{"a":"\\',
    "n29": "\x1b[31mn29\x1b[0m\x1b]0;forged\x07\x1b[2J",
    "n30": "'; DROP TABLE shares; -- n30",
    "n31": "$(touch forged) `id` ; n31",
    "n32": "%s%n%x {} {0} {n32:>99999999}",
    "n33": "<span size='xx-large'>n33</span><b>",
    "n34": "n34) >> endobj endstream (\\ %PDF-1.4",
    "n35": "n35\x00after",
    "n36": "n36 \\u003cscript\\u003e \\",
    "n37": "n37\u0085\u009b31m",
    "n38": "n38\u2028\u2029\v\f",
    "n39": "n39\U000e0041\U000e007f\ufff9",
    "n40": "]]> <!-- n40 --> */ */",
}

# A terminal, or who reads a log on one, must not meet these: they act, hide or turn the line around. Newlines are looked at apart.
ACTING = (*range(0, 10), *range(11, 32), *range(0x7F, 0xA0), 0xAD, 0x61C, 0x200B, 0x200E, 0x200F, *range(0x2028, 0x202F),
          *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080))


def acting(text):
    """The code points of `text` on which a terminal acts."""
    return sorted({f"U+{ord(c):04X}" for c in text if ord(c) in ACTING})


def has_control(text):
    """What the API refuses in names and labels."""
    return any((ord(c) < 32 and c not in "\t\n") or 0x7F <= ord(c) < 0xA0 for c in text)


def name(texts, common):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.Name([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, text, _validate=False) for text in texts] +
                         [x509.NameAttribute(NameOID.COMMON_NAME, common, _validate=False)])


def chain(folder, label, texts):
    """A leaf and its authority, whose names are all of `texts`; the PEM file with the leaf's key."""
    now = datetime.datetime.utcnow()
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [name(texts, f"leaf {label}"), name(reversed(texts), f"authority {label}")]
    alternatives = [x509.DNSName(text) for text in texts if text.isascii()] + [x509.DNSName("localhost")]
    certificates = []
    for i in range(2):
        builder = (x509.CertificateBuilder().subject_name(names[i]).issuer_name(names[1]).public_key(keys[i].public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(1))
                   .not_valid_after(now + datetime.timedelta(30)))
        if i == 0:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        certificates.append(builder.sign(keys[1], hashes.SHA256()))
    path = f"{folder}/{label}.pem"
    with open(path, "wb") as file:
        file.write(keys[0].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()))
        for certificate in certificates:
            file.write(certificate.public_bytes(serialization.Encoding.PEM))
    return path


class Server:
    """Accepts on a port of its own and gives each connection to `talk`, until it is left."""

    def __init__(self, address="127.0.0.1"):
        self.listener = socket.create_server((address, 0))
        self.address, self.port = self.listener.getsockname()
        self.thread = threading.Thread(target=self._accept)

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.settimeout(60)
        try:
            with connection:
                self.talk(connection)
        except (OSError, ssl.SSLError, ValueError):
            pass  # a probe goes when it has seen enough

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


class TlsServer(Server):
    """TLS under a chain of `texts`; over it HTTP with them in its headers and a key set with them as key ids."""

    def __init__(self, folder, address, texts):
        super().__init__(address)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain(folder, f"server{self.port}", list(texts)))
        self.head = " ".join(texts).replace("\r", "").replace("\n", "").encode()
        self.keys = json.dumps({"keys": [
            {"kty": kind, "kid": text, "alg": text, "use": text, "crv": "P-256",
             "x": base64.urlsafe_b64encode(bytes(32)).decode().rstrip("="), "y": "AA"}
            for text in texts for kind in ("EC", text)]}).encode()

    def talk(self, connection):
        with self.context.wrap_socket(connection, server_side=True) as tls:
            request = tls.recv(8192)
            if request:
                # Control characters in a head are no HTTP, so only who merely asks for the name of the software gets them.
                only_head = request.startswith(b"HEAD")
                found = only_head or b"jwks.json" in request
                tls.sendall((b"HTTP/1.1 200 OK" if found else b"HTTP/1.1 404 No") + b"\r\nServer: " + (self.head if only_head else b"x") +
                            b"\r\nContent-Type: application/json\r\nContent-Length: " + str(len(self.keys)).encode() +
                            b"\r\nConnection: close\r\n\r\n" + (b"" if only_head else self.keys))


class SshServer(Server):
    """Says `text` as its software and its algorithms, then no more."""

    def __init__(self, address, text, algorithms):
        super().__init__(address)
        self.banner = b"SSH-2.0-" + text.replace("\r", "").replace("\n", "").encode() + b"\r\n"
        lists = [",".join(["curve25519-sha256", *algorithms]), ",".join(["ssh-ed25519", *algorithms])]
        lists += [",".join(["aes128-ctr", *algorithms])] * 2 + [",".join(["hmac-sha2-256", *algorithms])] * 2 + ["none"] * 2 + [""] * 2
        body = bytes([20]) + bytes(16) + b"".join(struct.pack(">I", len(n.encode())) + n.encode() for n in lists) + bytes(5)
        padding = 8 - (len(body) + 5) % 8
        padding += 8 if padding < 4 else 0
        self.packet = struct.pack(">IB", len(body) + padding + 1, padding) + body + bytes(padding)

    def talk(self, connection):
        connection.sendall(self.banner + self.packet)
        while connection.recv(4096):
            pass


class SmtpServer(Server):
    """Greets with `text` and knows no STARTTLS."""

    def __init__(self, address, text):
        super().__init__(address)
        self.text = text.replace("\r", "").replace("\n", "").encode()

    def talk(self, connection):
        connection.sendall(b"220 " + self.text + b" ESMTP\r\n")
        while True:
            line = connection.recv(1024)
            if not line:
                return
            connection.sendall(b"250-" + self.text + b"\r\n250 SIZE\r\n" if line.startswith(b"EHLO") else b"502 " + self.text + b"\r\n")
