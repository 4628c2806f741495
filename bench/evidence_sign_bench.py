#!/usr/bin/python3
"""Signing and verifying a passport, next to the same work done by Python's cryptography (Ed25519) and Node.js (both).

usage: evidence_sign_bench.py BENCH_EVIDENCE_SIGN NODE

Prints the medians of each side in microseconds, and the ratios.
"""
import re
import statistics
import subprocess
import sys
import tempfile
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

RUNS = 200
NODE_SCRIPT = """
const crypto = require('node:crypto'), fs = require('node:fs'), folder = process.argv[1];
const read = (name) => fs.readFileSync(folder + '/' + name), message = read('message');
const median = (work) => {
  const times = [];
  for (let i = 0; i < 200; i++) { const t = process.hrtime.bigint(); work(); times.push(Number(process.hrtime.bigint() - t) / 1000); }
  return times.sort((a, b) => a - b)[100];
};
for (const [name, file, type] of [['Ed25519', 'ed25519', 'ed25519'], ['ML-DSA-65', 'mldsa', 'ml-dsa-65']]) {
  const key = crypto.createPublicKey({ key: read(file + '.spki'), format: 'der', type: 'spki' }), sig = read(file + '.sig');
  if (!crypto.verify(null, message, key, sig)) process.exit(1);
  const own = crypto.generateKeyPairSync(type).privateKey;
  console.log(`sign ${name}|${median(() => crypto.sign(null, message, own))}`);
  console.log(`verify ${name}|${median(() => crypto.verify(null, message, key, sig))}`);
}
"""


def median_us(work):
    times = []
    for _ in range(RUNS):
        start = time.perf_counter_ns()
        work()
        times.append((time.perf_counter_ns() - start) / 1000)
    return statistics.median(times)


def main(bench, node):
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder:
        out = subprocess.run([bench, folder], capture_output=True, text=True, check=True).stdout
        ours = {name.strip(): float(us) for name, us in re.findall(r"^(.{28}) +([\d.]+) us$", out, re.M)}
        files = {name: open(f"{folder}/{name}", "rb").read() for name in ("message", "ed25519.spki", "ed25519.sig")}
        public, private = load_der_public_key(files["ed25519.spki"]), Ed25519PrivateKey.generate()
        python = {"sign Ed25519": median_us(lambda: private.sign(files["message"])),
                  "verify Ed25519": median_us(lambda: public.verify(files["ed25519.sig"], files["message"]))}
        lines = subprocess.run([node, "-e", NODE_SCRIPT, folder], capture_output=True, text=True, check=True).stdout.splitlines()
        peers = {name: float(us) for name, us in (line.split("|") for line in lines)}
    print(f"{'':<20}{'Carnet':>10}{'Python':>10}{'Node.js':>10}   Carnet is")
    for name, us in ours.items():
        one, two = python.get(name), peers.get(name)
        ratios = [f"{other / us:.1f}x {who}" for who, other in (("Python", one), ("Node.js", two)) if other]
        print(f"{name:<20}{us:>10.1f}{one or 0:>10.1f}{two or 0:>10.1f}   {', '.join(ratios)}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
