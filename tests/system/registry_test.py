#!/usr/bin/env python3
"""Names and code points of data/*.json held against tables that other people keep.

    registry_test.py CARNET NODE

Every code point of TLS in the registry has somebody who vouches for its name, and each voucher is asked about every one of its
own rows too:

- IANA's tables as Debian's librust-tls-parser-dev carries them: cipher suites, groups, signature schemes;
- OpenSSL 3.5 inside NODE: it is told a name, and the code point stands in the ClientHello that it then sends. Its header
  obj_mac.h has the OIDs of FIPS 203, 204 and 205;
- for what neither has, the documents named in WRITTEN, from which the numbers were taken down by hand.

A row without a voucher fails the test, and so does a number in WRITTEN that a table has meanwhile.
"""

import glob
import json
import pathlib
import re
import subprocess
import sys
import unittest

NODE = ""
ROOT = pathlib.Path(__file__).resolve().parents[2]
IANA = "/usr/share/cargo/registry/tls-parser-*"

# What IANA registers beside suites and groups: signals, and forms that RFC 8422 section 5.1.1 withdrew.
NO_SUITES = {0x00FF, 0x5600}
NO_GROUPS = {0xFF01, 0xFF02}

# Names of the registry for what the TLS tables call otherwise: the registry names a certificate's signature by its OID.
SCHEME_NAMES = {
    "rsa_pkcs1_md5": "md5WithRSAEncryption", "rsa_pkcs1_sha1": "sha1WithRSAEncryption",
    "ed25519": "Ed25519", "ed448": "Ed448",
}

# document: {code point: name}
WRITTEN_SUITES = {
    # draft-ietf-tls-56-bit-ciphersuites-01; IANA keeps the numbers free without naming them.
    "draft-ietf-tls-56-bit-ciphersuites": {
        0x0060: "TLS_RSA_EXPORT1024_WITH_RC4_56_MD5", 0x0061: "TLS_RSA_EXPORT1024_WITH_RC2_CBC_56_MD5",
        0x0062: "TLS_RSA_EXPORT1024_WITH_DES_CBC_SHA", 0x0063: "TLS_DHE_DSS_EXPORT1024_WITH_DES_CBC_SHA",
        0x0064: "TLS_RSA_EXPORT1024_WITH_RC4_56_SHA", 0x0065: "TLS_DHE_DSS_EXPORT1024_WITH_RC4_56_SHA",
        0x0066: "TLS_DHE_DSS_WITH_RC4_128_SHA",
    },
}
WRITTEN_GROUPS = {
    "draft-yang-tls-hybrid-sm2-mlkem": {0x11EE: "curveSM2MLKEM768"},
    "draft-tls-westerbaan-xyber768d00": {0x6399: "X25519Kyber768Draft00"},
    "draft-kwiatkowski-tls-ecdhe-kyber": {0x639A: "SecP256r1Kyber768Draft00"},
    "cloudflare/go": {0xFE30: "X25519Kyber512Draft00", 0xFE31: "X25519Kyber768Draft00Old", 0xFE32: "P256Kyber768Draft00"},
    "BoringSSL's ssl.h of 2022": {0x4138: "CECPQ2"},
    "oqs-provider's ALGORITHMS.md": {
        0x2F00: "p256_frodo640aes", 0x2F01: "p256_frodo640shake", 0x2F02: "p384_frodo976aes", 0x2F03: "p384_frodo976shake",
        0x2F04: "p521_frodo1344aes", 0x2F05: "p521_frodo1344shake", 0x2F80: "x25519_frodo640aes",
        0x2F81: "x25519_frodo640shake", 0x2F82: "x448_frodo976aes", 0x2F83: "x448_frodo976shake",
        0x2F39: "x25519_kyber512", 0x2F3A: "p256_kyber512", 0x2F3C: "p384_kyber768", 0x2F3D: "p521_kyber1024",
        0x2F90: "x448_kyber768", 0x2F41: "p256_bikel1", 0x2F42: "p384_bikel3", 0x2F43: "p521_bikel5",
        0x2FAE: "x25519_bikel1", 0x2FAF: "x448_bikel3", 0x2F44: "p256_hqc128", 0x2F45: "p384_hqc192",
        0x2F46: "p521_hqc256", 0x2FB0: "x25519_hqc128", 0x2FB1: "x448_hqc192", 0x2F4B: "p256_mlkem512",
        0x2F4C: "p384_mlkem768", 0x2F4D: "p521_mlkem1024", 0x2FB6: "x25519_mlkem512", 0x2FB7: "x448_mlkem768",
    },
}
WRITTEN_SCHEMES = {
    "draft-reddy-tls-slhdsa": {
        0x0911: "slhdsa_sha2_128s", 0x0912: "slhdsa_sha2_128f", 0x0913: "slhdsa_sha2_192s", 0x0914: "slhdsa_sha2_192f",
        0x0915: "slhdsa_sha2_256s", 0x0916: "slhdsa_sha2_256f", 0x0917: "slhdsa_shake_128s", 0x0918: "slhdsa_shake_128f",
        0x0919: "slhdsa_shake_192s", 0x091A: "slhdsa_shake_192f", 0x091B: "slhdsa_shake_256s", 0x091C: "slhdsa_shake_256f",
    },
    "oqs-provider's ALGORITHMS.md": {0xFED7: "falcon512", 0xFEDA: "falcon1024"},
}

# A ClientHello for each name alone: what stands in its extension is the name's code point. `argument` is how tls.connect is told.
HELLO = """
const net = require('net'), tls = require('tls');
const [argument, extension, names] = [process.argv[1], Number(process.argv[2]), process.argv[3].split(',')];
function codes(hello) {
  if (hello[0] !== 22) return [];  // an alert: it knows the name, but not for TLS 1.3
  let at = 5 + 4 + 2 + 32;
  at += 1 + hello[at];
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello[at];
  const end = at + 2 + hello.readUInt16BE(at);
  for (at += 2; at < end; at += 4 + hello.readUInt16BE(at + 2)) {
    if (hello.readUInt16BE(at) !== extension) continue;
    const out = [];
    for (let i = 0; i < hello.readUInt16BE(at + 4); i += 2) out.push(hello.readUInt16BE(at + 6 + i));
    return out;
  }
  return [];
}
function ask(name) {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => {
      let seen = Buffer.alloc(0);
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        seen = Buffer.concat([seen, bytes]);
        if (seen.length < 5 || seen.length < 5 + seen.readUInt16BE(3)) return;
        socket.destroy();
        server.close();
        resolve(codes(seen));
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const refused = () => { server.close(); resolve([]); };
      try {
        tls.connect({ port: server.address().port, host: '127.0.0.1', minVersion: 'TLSv1.3', [argument]: name })
          .on('error', () => {});
      } catch { refused(); }
    });
  });
}
(async () => {
  const out = {};
  for (const name of names) out[name] = await ask(name);
  console.log(JSON.stringify(out));
})();
"""


def load(name):
    return json.loads((ROOT / "data" / name).read_text())


ALGORITHMS = load("algorithms.json")["algorithms"]


def plain(name):
    """"EcdhX25519", "x25519" and "X25519" are one name."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def by_code(member):
    return {int(code, 16): row for row in ALGORITHMS for code in row.get(member, [])}


def names_of(row):
    return {plain(name) for name in [row["name"], *row.get("aliases", [])]}


def iana_file(name):
    found = sorted(glob.glob(f"{IANA}/{name}"))
    assert found, f"librust-tls-parser-dev is not installed: no {IANA}/{name}"
    return pathlib.Path(found[-1]).read_text()


def enumeration(text, type_name):
    body = re.search(rf"impl (?:display |debug )?{type_name} \{{(.*?)\n\}}", text, re.S)
    assert body, type_name
    return {int(value, 0): name for name, value in re.findall(r"^\s*(\w+)\s*=\s*(0x[0-9a-fA-F]+|\d+),", body.group(1), re.M)}


def iana_schemes():
    text = iana_file("src/tls_sign_hash.rs")
    out = enumeration(text, "SignatureScheme")
    # RFC 5246 section 7.4.1.4.1: a hash and a signature algorithm, which are two tables.
    for hash_code, hash_name in enumeration(text, "HashAlgorithm").items():
        for sign_code, sign_name in enumeration(text, "SignAlgorithm").items():
            if 1 <= hash_code <= 6 and 1 <= sign_code <= 3:
                out.setdefault(hash_code << 8 | sign_code, f"{sign_name.lower()}_{hash_name.lower()}")
    return out


def openssl_codes(argument, extension, names):
    said = subprocess.run([NODE, "-e", HELLO, argument, str(extension), ",".join(names)], capture_output=True, text=True,
                          timeout=120, check=True)
    return json.loads(said.stdout)


def merged(written):
    return {code: name for rows in written.values() for code, name in rows.items()}


def scheme_matches(row, name):
    """"dsa_sha1" and "rsa_pkcs1_sha256" name the same as "dsa-with-sha1" and "sha256WithRSAEncryption"."""
    words = name.lower().split("_")
    forms = {plain(name), plain(SCHEME_NAMES.get(name, name))}
    if words[0] in ("rsa", "dsa", "ecdsa") and "pss" not in words:
        forms |= {plain(f"{words[-1]}with{words[0]}encryption"), plain(f"{words[0]}with{words[-1]}")}
    return bool(forms & names_of(row))


class Registry(unittest.TestCase):
    def all_vouched(self, ours, *vouchers):
        vouched = set().union(*vouchers)
        missing = sorted(f"{code:04X}" for code in set(ours) - vouched)
        self.assertEqual(missing, [], "nobody vouches for these")
        tables, written = set().union(*vouchers[:-1]), vouchers[-1]
        self.assertEqual(sorted(f"{code:04X}" for code in set(written) & tables), [], "a table has these: drop them from WRITTEN")
        self.assertEqual(sorted(f"{code:04X}" for code in set(written) - set(ours)), [], "written down, but not in the registry")

    def test_cipher_suites(self):
        ours = {int(row["codepoint"], 16): row["name"] for row in load("tls_cipher_suites.json")["suites"]}
        lines = [line.split(":") for line in iana_file("scripts/tls-ciphersuites.txt").splitlines() if line.strip()]
        iana = {int(line[0], 16): line[1] for line in lines}
        iana = {code: name for code, name in iana.items() if code not in NO_SUITES}
        self.assertGreater(len(iana), 330)
        for code, name in iana.items():
            self.assertEqual(ours.get(code), name, f"{code:04X}")
        written = merged(WRITTEN_SUITES)
        for code, name in written.items():
            self.assertEqual(ours.get(code), name, f"{code:04X}")
        self.all_vouched(ours, iana, written)

    def test_groups(self):
        ours = by_code("tlsGroups")
        iana = {code: name for code, name in enumeration(iana_file("src/tls_ec.rs"), "NamedGroup").items() if code not in NO_GROUPS}
        self.assertGreaterEqual(len(iana), 39)
        for code, name in iana.items():
            self.assertIn(code, ours, name)
            spelt = {plain(name), plain(name.removeprefix("Ecdh")), plain("curve" + name)}
            self.assertTrue(spelt & names_of(ours[code]), f"{code:04X} is {name} and not {ours[code]['name']}")
        asked = openssl_codes("ecdhCurve", 10, sorted({row["name"] for row in ours.values()}))
        openssl = {}
        for name, codes in asked.items():
            if not codes:
                continue  # not one of OpenSSL's
            self.assertEqual(len(codes), 1, name)
            self.assertIn(codes[0], ours, name)
            self.assertEqual(ours[codes[0]]["name"], name)
            openssl[codes[0]] = name
        # The post-quantum ones, which are why it is asked.
        self.assertLessEqual({0x0200, 0x0201, 0x0202, 0x11EB, 0x11EC, 0x11ED, 0x001D, 0x0100}, set(openssl))
        written = merged(WRITTEN_GROUPS)
        for code, name in written.items():
            self.assertEqual(ours[code]["name"], name, f"{code:04X}")
        self.all_vouched(ours, iana, openssl, written)

    def test_signature_schemes(self):
        ours = by_code("tlsSignatureSchemes")
        iana = iana_schemes()
        self.assertIn(0x081A, iana)
        for code, row in ours.items():
            if code in iana:
                self.assertTrue(scheme_matches(row, iana[code]), f"{code:04X} is {iana[code]} and not {row['name']}")
        for code, name in enumeration(iana_file("src/tls_sign_hash.rs"), "SignatureScheme").items():
            self.assertIn(code, ours, name)
        names = {name for row in ours.values() for name in [row["name"], *row.get("aliases", [])] if re.fullmatch(r"\w+", name)}
        openssl = {}
        for name, codes in openssl_codes("sigalgs", 13, sorted(names)).items():
            if not codes:
                continue
            self.assertEqual(len(codes), 1, name)
            self.assertIn(codes[0], ours, name)
            self.assertIn(plain(name), names_of(ours[codes[0]]), f"{codes[0]:04X}")
            openssl[codes[0]] = name
        self.assertLessEqual({0x0904, 0x0905, 0x0906, 0x0403, 0x0804}, set(openssl))
        written = merged(WRITTEN_SCHEMES)
        for code, name in written.items():
            self.assertIn(plain(name), names_of(ours[code]), f"{code:04X}")
        self.all_vouched(ours, iana, openssl, written)

    def test_post_quantum_oids(self):
        """RFC 9881, RFC 9909 and FIPS 203: the OIDs under NIST's arcs, as OpenSSL 3.5 has them."""
        header = (pathlib.Path(NODE).parents[1] / "include/node/openssl/obj_mac.h").read_text()
        objects = dict(re.findall(r"^#define OBJ_(\w+)\s+(.+)$", header, re.M))
        short = dict(re.findall(r'^#define SN_(\w+)\s+"([^"]+)"', header, re.M))

        def dotted(name):
            parts = []
            for part in objects[name].split(","):
                parts += [part.rstrip("L")] if part[0].isdigit() else dotted(part.removeprefix("OBJ_")).split(".")
            return ".".join(parts)

        ours = {oid: row for row in ALGORITHMS for oid in row.get("oids", [])}
        compared = 0
        for name, text in short.items():
            if not re.match(r"id-(hash-)?(slh|ml)-dsa-|id-alg-ml-kem-", text):
                continue
            row = ours.get(dotted(name))
            self.assertIsNotNone(row, text)
            self.assertIn(plain(re.sub(r"^id-(alg-)?", "", text)), names_of(row), dotted(name))
            compared += 1
        self.assertEqual(compared, 3 + 2 * 3 + 2 * 12)


if __name__ == "__main__":
    NODE = sys.argv.pop()
    sys.argv.pop()  # the program, which this test does not need
    unittest.main(verbosity=2)
