#!/usr/bin/env python3
"""Makes certificates of unusual making, each with the truth about it: make_certificates.py FOLDER

Writes NNNN.der files and truth.json, a list of {"file", "made", "expect": "read" | "refused" | "either", "keyAlgorithm",
"keyBits", "curve", "signatureAlgorithm", "finding"} (what is not given is not compared). The DER is written here byte by
byte, from the RFCs, so that it owes nothing to the reader under test; curve parameters come from `openssl ecparam`. The
random numbers are seeded: two runs give the same files. Signatures are random bytes: nothing here verifies them.
"""
import json
import pathlib
import random
import subprocess
import sys

rng = random.Random(20261124)


def tlv(tag, content=b""):
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 128 | len(digits)]) + digits + content


def seq(*parts):
    return tlv(0x30, b"".join(parts))


def oid(text):
    arcs = [int(arc) for arc in text.split(".")]
    out = b""
    for arc in [arcs[0] * 40 + arcs[1]] + arcs[2:]:
        chunk = bytes([arc & 127])
        while arc := arc >> 7:
            chunk = bytes([arc & 127 | 128]) + chunk
        out += chunk
    return tlv(6, out)


def integer(value):
    size = max(1, (value.bit_length() + 8) // 8)
    return tlv(2, value.to_bytes(size, "big", signed=True))


def bits(content):
    return tlv(3, b"\0" + content)


def context(number, content):
    return tlv(0xA0 | number, content)


NULL = tlv(5)


def name(*pairs):
    return seq(*(tlv(0x31, seq(oid(kind), tlv(tag, text))) for kind, tag, text in pairs))


def common_name(text):
    return name(("2.5.4.3", 12, text.encode()))


def algorithm(dotted, *parameters):
    return seq(oid(dotted), *parameters)


def extension(dotted, value):
    return seq(oid(dotted), tlv(4, value))


VALID = seq(tlv(0x17, b"260101000000Z"), tlv(0x17, b"360101000000Z"))


def certificate(spki, signature, serial=None, issuer=None, subject=None, validity=VALID, extensions=(), inner=None):
    tbs = [context(0, integer(2)), serial or integer(rng.getrandbits(100) | 1), inner or signature,
           issuer or common_name("issuer"), validity, subject or common_name("subject"), spki]
    if extensions:
        tbs.append(context(3, seq(*extensions)))
    return seq(seq(*tbs), signature, bits(rng.randbytes(64)))


def rsa_key(size, exponent=65537, identifier="1.2.840.113549.1.1.1"):
    modulus = rng.getrandbits(size) | 1 << (size - 1) | 1
    return seq(algorithm(identifier, NULL), bits(seq(integer(modulus), integer(exponent))))


def raw_key(dotted, size):
    return seq(algorithm(dotted), bits(rng.randbytes(size or 64)))


def ec_key(parameters, field_bytes):
    return seq(algorithm("1.2.840.10045.2.1", parameters), bits(b"\4" + rng.randbytes(2 * field_bytes)))


# name: (identifier, bytes of the public key, 0 for any)
ML_DSA = {"ML-DSA-44": ("2.16.840.1.101.3.4.3.17", 1312), "ML-DSA-65": ("2.16.840.1.101.3.4.3.18", 1952),
          "ML-DSA-87": ("2.16.840.1.101.3.4.3.19", 2592)}
PQ = dict(ML_DSA)
for number, size in (("44", 1312), ("65", 1952), ("87", 2592)):
    PQ["HashML-DSA-" + number] = ("2.16.840.1.101.3.4.3.%d" % (32 + ["44", "65", "87"].index(number)), size)
for index, kind in enumerate(f"{f}-{n}{v}" for f in ("SHA2", "SHAKE") for n in (128, 192, 256) for v in "sf"):
    size = {"128": 32, "192": 48, "256": 64}[kind[-4:-1]]
    PQ["SLH-DSA-" + kind] = ("2.16.840.1.101.3.4.3.%d" % (20 + index), size)
    PQ["HashSLH-DSA-" + kind] = ("2.16.840.1.101.3.4.3.%d" % (35 + index), size)
COMPOSITES = """MLDSA44-RSA2048-PSS-SHA256 MLDSA44-RSA2048-PKCS15-SHA256 MLDSA44-Ed25519-SHA512 MLDSA44-ECDSA-P256-SHA256
MLDSA65-RSA3072-PSS-SHA512 MLDSA65-RSA3072-PKCS15-SHA512 MLDSA65-RSA4096-PSS-SHA512 MLDSA65-RSA4096-PKCS15-SHA512
MLDSA65-ECDSA-P256-SHA512 MLDSA65-ECDSA-P384-SHA512 MLDSA65-ECDSA-brainpoolP256r1-SHA512 MLDSA65-Ed25519-SHA512
MLDSA87-ECDSA-P384-SHA512 MLDSA87-ECDSA-brainpoolP384r1-SHA512 MLDSA87-Ed448-SHAKE256 MLDSA87-RSA3072-PSS-SHA512
MLDSA87-RSA4096-PSS-SHA512 MLDSA87-ECDSA-P521-SHA512 MLKEM768-RSA2048-SHA3-256 MLKEM768-RSA3072-SHA3-256
MLKEM768-RSA4096-SHA3-256 MLKEM768-X25519-SHA3-256 MLKEM768-ECDH-P256-SHA3-256 MLKEM768-ECDH-P384-SHA3-256
MLKEM768-ECDH-brainpoolP256r1-SHA3-256 MLKEM1024-RSA3072-SHA3-256 MLKEM1024-ECDH-P384-SHA3-256
MLKEM1024-ECDH-brainpoolP384r1-SHA3-256 MLKEM1024-X448-SHA3-256 MLKEM1024-ECDH-P521-SHA3-256""".split()
for index, kind in enumerate(COMPOSITES):
    PQ[kind] = ("1.3.6.1.5.5.7.6.%d" % (37 + index), 0)
OTHERS = [("MLKEM512", "2.16.840.1.101.3.4.4.1", 800), ("MLKEM768", "2.16.840.1.101.3.4.4.2", 1184),
          ("MLKEM1024", "2.16.840.1.101.3.4.4.3", 1568), ("XMSS", "1.3.6.1.5.5.7.6.34", 0),
          ("XMSS-MT", "1.3.6.1.5.5.7.6.35", 0), ("HSS/LMS", "1.2.840.113549.1.9.16.3.17", 0),
          ("Falcon-512", "1.3.9999.3.6", 897), ("Falcon-512", "1.3.9999.3.11", 897),
          ("Falcon-1024", "1.3.9999.3.9", 1793), ("Falcon-1024", "1.3.9999.3.14", 1793),
          ("p256_mldsa44", "1.3.9999.7.5", 0), ("rsa3072_mldsa44", "1.3.9999.7.6", 0),
          ("p384_mldsa65", "1.3.9999.7.7", 0), ("p521_mldsa87", "1.3.9999.7.8", 0),
          ("Dilithium2", "1.3.6.1.4.1.2.267.7.4.4", 0), ("Dilithium3", "1.3.6.1.4.1.2.267.7.6.5", 0),
          ("Dilithium5", "1.3.6.1.4.1.2.267.7.8.7", 0), ("Dilithium2", "1.3.6.1.4.1.2.267.12.4.4", 0),
          ("Dilithium3", "1.3.6.1.4.1.2.267.12.6.5", 0), ("Dilithium5", "1.3.6.1.4.1.2.267.12.8.7", 0),
          ("Ed25519", "1.3.101.112", 32), ("Ed448", "1.3.101.113", 57), ("x25519", "1.3.101.110", 32)]
OTHERS += [("FrodoKEM", "1.0.18033.2.2.7.%d" % i, 0) for i in range(1, 9)]
OTHERS += [("Classic McEliece", "1.0.18033.2.2.6.%d" % i, 0) for i in range(1, 17)]
PQ_ALL = [(kind, *rest) for kind, rest in PQ.items()] + OTHERS

SIGNATURES = {"sha256WithRSAEncryption": "1.2.840.113549.1.1.11", "sha384WithRSAEncryption": "1.2.840.113549.1.1.12",
              "sha512WithRSAEncryption": "1.2.840.113549.1.1.13", "sha1WithRSAEncryption": "1.2.840.113549.1.1.5",
              "md5WithRSAEncryption": "1.2.840.113549.1.1.4", "md2WithRSAEncryption": "1.2.840.113549.1.1.2",
              "ecdsa-with-SHA1": "1.2.840.10045.4.1", "ecdsa-with-SHA256": "1.2.840.10045.4.3.2",
              "ecdsa-with-SHA384": "1.2.840.10045.4.3.3", "ecdsa-with-SHA512": "1.2.840.10045.4.3.4",
              "dsa-with-sha256": "2.16.840.1.101.3.4.3.2", "Ed25519": "1.3.101.112"}
HASHES = {"SHA-1": "1.3.14.3.2.26", "SHA-224": "2.16.840.1.101.3.4.2.4", "SHA-256": "2.16.840.1.101.3.4.2.1",
          "SHA-384": "2.16.840.1.101.3.4.2.2", "SHA-512": "2.16.840.1.101.3.4.2.3", "MD5": "1.2.840.113549.2.5"}
CURVES = {"P-256": ("1.2.840.10045.3.1.7", 256, "prime256v1"), "P-384": ("1.3.132.0.34", 384, "secp384r1"),
          "P-521": ("1.3.132.0.35", 521, "secp521r1"), "P-224": ("1.3.132.0.33", 224, "secp224r1"),
          "P-192": ("1.2.840.10045.3.1.1", 192, "prime192v1"), "secp256k1": ("1.3.132.0.10", 256, "secp256k1"),
          "brainpoolP256r1": ("1.3.36.3.3.2.8.1.1.7", 256, "brainpoolP256r1"),
          "brainpoolP384r1": ("1.3.36.3.3.2.8.1.1.11", 384, "brainpoolP384r1"),
          "brainpoolP512r1": ("1.3.36.3.3.2.8.1.1.13", 512, "brainpoolP512r1"),
          "brainpoolP320r1": ("1.3.36.3.3.2.8.1.1.9", 320, "brainpoolP320r1"),
          "brainpoolP224t1": ("1.3.36.3.3.2.8.1.1.6", 224, "brainpoolP224t1"),
          "sect233k1": ("1.3.132.0.26", 233, "sect233k1"), "sect571r1": ("1.3.132.0.39", 571, "sect571r1")}
PLAIN = algorithm(SIGNATURES["sha256WithRSAEncryption"], NULL)


class Folder:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.truth = []

    def add(self, made, data, expect="read", **facts):
        file = "%04d.der" % len(self.truth)
        (self.path / file).write_bytes(data)
        self.truth.append({"file": file, "made": made, "expect": expect, **facts})


def explicit(openssl_name):
    return subprocess.run(["openssl", "ecparam", "-name", openssl_name, "-param_enc", "explicit", "-outform", "DER"],
                          check=True, capture_output=True).stdout


def post_quantum(out):
    for kind, dotted, size in PQ_ALL:
        for signer in ("ML-DSA-65", "SLH-DSA-SHA2-128s"):
            out.add(f"{kind} signed with {signer}", certificate(raw_key(dotted, size), algorithm(PQ[signer][0])),
                    keyAlgorithm=kind, signatureAlgorithm=signer)
        if size:
            out.add(f"{kind} one byte short", certificate(raw_key(dotted, size - 1), PLAIN), keyAlgorithm=kind,
                    finding="key_size_mismatch")
    for kind, (dotted, _) in PQ.items():
        if "KEM" not in kind:
            out.add(f"signed with {kind}", certificate(rsa_key(2048), algorithm(dotted)), keyAlgorithm="RSA",
                    keyBits=2048, signatureAlgorithm=kind)


def classical(out):
    for size in (384, 511, 512, 768, 1023, 1024, 1025, 1536, 2047, 2048, 2049, 3072, 4096, 7680, 8192, 16384):
        for kind, dotted in SIGNATURES.items():
            out.add(f"RSA {size} with {kind}", certificate(rsa_key(size), algorithm(dotted, NULL)), keyAlgorithm="RSA",
                    keyBits=size, signatureAlgorithm=kind)
    for identifier in ("1.2.840.113549.1.1.10", "1.2.840.113549.1.1.7"):
        out.add("RSA key for " + identifier, certificate(rsa_key(2048, identifier=identifier), PLAIN),
                keyAlgorithm="RSA", keyBits=2048)
    for exponent in (1, 0, 3, 2**64 + 1):
        facts = {"finding": "rsa_exponent_too_small"} if exponent < 2 else {}
        out.add(f"RSA exponent {exponent}", certificate(rsa_key(2048, exponent), PLAIN), keyAlgorithm="RSA", **facts)
    even = seq(algorithm("1.2.840.113549.1.1.1", NULL), bits(seq(integer(2**2047), integer(3))))
    out.add("RSA even modulus", certificate(even, PLAIN), keyBits=2048, finding="malformed_key")
    hollow = seq(algorithm("1.2.840.113549.1.1.1", NULL), bits(b"\xff" * 40))
    out.add("RSA key of garbage", certificate(hollow, PLAIN), keyAlgorithm="RSA", keyBits=0, finding="malformed_key")
    domain = seq(integer(2**1023 + 1), integer(2**159 + 1), integer(2))
    dsa = seq(algorithm("1.2.840.10040.4.1", domain), bits(integer(5)))
    out.add("DSA 1024", certificate(dsa, PLAIN), keyAlgorithm="DSA", keyBits=1024)


def pss(out):
    dotted = "1.2.840.113549.1.1.10"
    for hash_name, hash_oid in HASHES.items():
        for mask_name, mask_oid in HASHES.items():
            for salt in (0, 20, 32, 64):
                mask = algorithm("1.2.840.113549.1.1.8", algorithm(mask_oid, NULL))
                signature = algorithm(dotted, seq(context(0, algorithm(hash_oid, NULL)), context(1, mask),
                                                  context(2, integer(salt))))
                facts = {"finding": "weak_signature_hash"} if hash_name in ("SHA-1", "MD5") else {}
                out.add(f"PSS {hash_name}, {mask_name}, {salt}", certificate(rsa_key(2048), signature),
                        signatureAlgorithm="RSASSA-PSS",
                        signatureParameters=f"{hash_name}, MGF1 with {mask_name}, salt of {salt} bytes", **facts)
    out.add("PSS defaults", certificate(rsa_key(2048), algorithm(dotted, seq())), signatureAlgorithm="RSASSA-PSS",
            signatureParameters="SHA-1, MGF1 with SHA-1, salt of 20 bytes", finding="weak_signature_hash")
    out.add("PSS without parameters", certificate(rsa_key(2048), algorithm(dotted)), signatureAlgorithm="RSASSA-PSS",
            finding="pss_parameters_missing")


def curves(out):
    for curve, (dotted, size, openssl_name) in CURVES.items():
        field = (size + 7) // 8
        for kind in ("ecdsa-with-SHA256", "ecdsa-with-SHA384", "ML-DSA-87"):
            identifier = SIGNATURES.get(kind) or PQ[kind][0]
            out.add(f"{curve} with {kind}", certificate(ec_key(oid(dotted), field), algorithm(identifier)),
                    keyAlgorithm="ECDSA " + curve, keyBits=size, curve=curve, signatureAlgorithm=kind)
        out.add(f"{curve} point cut", certificate(ec_key(oid(dotted), field - 1), PLAIN), curve=curve,
                finding="malformed_key")
        parameters = explicit(openssl_name)
        out.add(f"{curve} spelt out", certificate(ec_key(parameters, field), PLAIN), keyAlgorithm="ECDSA " + curve,
                keyBits=size, curve=curve, finding="explicit_curve_parameters")
        # The base point is the OCTET STRING 04 x y: another x is another generator.
        at = parameters.rindex(tlv(4, bytes(1 + 2 * field))[:-1 - 2 * field])
        other = bytearray(parameters)
        other[at + len(tlv(4, bytes(1 + 2 * field))) - 2 * field + 3] ^= 1
        out.add(f"{curve} with another generator", certificate(ec_key(bytes(other), field), PLAIN),
                keyAlgorithm="ECDSA with explicit curve parameters", finding="curve_generator_replaced")
    out.add("implied curve", certificate(ec_key(NULL, 32), PLAIN), keyAlgorithm="ECDSA with implied curve parameters",
            finding="implied_curve_parameters")
    for arc in range(20):
        dotted = f"1.3.6.1.4.1.99999.{arc}"
        out.add("unknown curve", certificate(ec_key(oid(dotted), 32), PLAIN), keyAlgorithm=f"unknown (OID {dotted})")
        out.add("unknown key", certificate(raw_key(dotted, 50), algorithm(dotted + ".1")),
                keyAlgorithm=f"unknown (OID {dotted})", signatureAlgorithm=f"unknown (OID {dotted}.1)")


def oddities(out):
    key = rsa_key(2048)
    for serial, finding in ((integer(-5), "serial_number_not_positive"), (integer(0), "serial_number_not_positive"),
                            (integer(2**170), "serial_number_too_long"), (integer(2**2000), "serial_number_too_long"),
                            (integer(-2**500), "serial_number_not_positive")):
        out.add("odd serial number", certificate(key, PLAIN, serial=serial), keyBits=2048, finding=finding)
    for before, after, finding in ((b"261301000000Z", b"360101000000Z", "validity_unreadable"),
                                   (b"hello", b"world", "validity_unreadable"),
                                   (b"360101000000Z", b"260101000000Z", "validity_reversed")):
        validity = seq(tlv(0x17, before), tlv(0x17, after))
        out.add(f"times {before} {after}", certificate(key, PLAIN, validity=validity), keyBits=2048, finding=finding)
    far = seq(tlv(0x18, b"19500101000000Z"), tlv(0x18, b"99991231235959Z"))
    out.add("times to the end", certificate(key, PLAIN, validity=far), notAfter="9999-12-31T23:59:59Z")
    names = [("empty", seq(), ""), ("plain", name(("2.5.4.6", 19, b"DE"), ("2.5.4.3", 12, b"a")), "CN=a,C=DE"),
             ("comma", name(("2.5.4.3", 12, b"a,b")), "CN=a\\,b"),
             ("BMP", name(("2.5.4.3", 30, "h\u00e9".encode("utf-16-be"))), "CN=h\u00e9"),
             ("UTF-8", name(("2.5.4.3", 12, "\u00fc\u4e2d".encode())), "CN=\u00fc\u4e2d"),
             ("huge", name(("2.5.4.3", 12, b"x" * 100000)), None), ("many", name(*[("2.5.4.11", 12, b"u")] * 1000), None),
             ("control", name(("2.5.4.3", 12, b"a\x00\x1b[31m\n")), None), ("unknown", name(("1.2.3.4.5", 12, b"v")), None)]
    for what, subject, text in names:
        facts = {} if text is None else {"subject": text}
        out.add(f"name: {what}", certificate(key, PLAIN, subject=subject), **facts)
    bad = name(("2.5.4.3", 12, b"\xff\xfe"))
    out.add("name: a UTF8String that is none", certificate(key, PLAIN, subject=bad), "refused")
    sans = [tlv(0x82, b"n%d.example" % i) for i in range(10000)]
    out.add("10,000 names", certificate(key, PLAIN, extensions=[extension("2.5.29.17", seq(*sans))]),
            finding="too_many_names")
    out.add("names of garbage", certificate(key, PLAIN, extensions=[extension("2.5.29.17", b"\xff\xff")]),
            finding="malformed_extension")
    for kind, (dotted, size) in ML_DSA.items():
        out.add(f"second key {kind}",
                certificate(key, PLAIN, extensions=[extension("2.5.29.72", raw_key(dotted, size)),
                                                    extension("2.5.29.73", algorithm(dotted)),
                                                    extension("2.5.29.74", bits(rng.randbytes(99)))]),
                keyAlgorithm="RSA", altKeyAlgorithm=kind, altSignatureAlgorithm=kind)
    out.add("related certificate", certificate(key, PLAIN, extensions=[extension("1.3.6.1.5.5.7.1.36", seq())]),
            finding="related_certificate")
    out.add("Chameleon", certificate(key, PLAIN, extensions=[extension("2.16.840.1.114027.80.6.1", seq())]),
            finding="delta_certificate")
    out.add("two algorithms", certificate(key, PLAIN, inner=algorithm(SIGNATURES["md5WithRSAEncryption"], NULL)),
            signatureAlgorithm="sha256WithRSAEncryption", finding="signature_algorithm_mismatch")


def broken(out):
    whole = certificate(rsa_key(2048), PLAIN)
    for _ in range(100):
        out.add("cut short", whole[:rng.randrange(len(whole))], "refused")
    for extra in (b"\0", b"\n", whole):
        out.add("something behind it", whole + extra, "refused")
    out.add("too large", certificate(rsa_key(2048), PLAIN, subject=name(("2.5.4.3", 12, b"x" * 300000))), "refused")
    for data in (b"", b"\x30", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x31" + whole[1:], b"\x30\x80" + whole[4:],
                 seq(), seq(seq(), seq(), bits(b"")), rng.randbytes(2000)):
        out.add("nothing of the kind", data, "refused")
    while len(out.truth) < 1200:
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        out.add("bytes changed", bytes(data), "either")


def main():
    out = Folder(sys.argv[1])
    for make in (post_quantum, classical, pss, curves, oddities, broken):
        make(out)
    (out.path / "truth.json").write_text(json.dumps(out.truth))


if __name__ == "__main__":
    main()
