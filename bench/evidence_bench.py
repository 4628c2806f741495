#!/usr/bin/python3
"""Times of the artifacts, next to the same work done by Python's tools where they exist.

usage: evidence_bench.py BENCH_EVIDENCE

BENCH_EVIDENCE is the program of bench/evidence_bench.cc. The bundle is packed again with Python's zipfile; a table of the
same rows is set with reportlab if Debian's python3-reportlab is there. Prints a line a measurement, and ratios.
"""
import csv
import hashlib
import io
import os
import subprocess
import sys
import tempfile
import time
import zipfile


def best_ms(runs, work):
    best = 1e12
    for _ in range(runs):
        start = time.perf_counter()
        work()
        best = min(best, (time.perf_counter() - start) * 1000)
    return best


def pack(files):
    """The same work: a digest of every file, the list of them, and the archive."""
    out = io.BytesIO()
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files)
    files = [*files, ("SHA256SUMS", sums.encode())]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, data in files:
            method = zipfile.ZIP_STORED if name.endswith(".pdf") else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return out.getvalue()


def table_pdf(rows):
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import LongTable, SimpleDocTemplate

    out = io.BytesIO()
    SimpleDocTemplate(out, pagesize=A4).build([LongTable(rows, repeatRows=1)])
    return out.getvalue()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        output = subprocess.run([sys.argv[1], folder], check=True, capture_output=True, text=True).stdout
        print(output, end="")
        ours = {line.split()[0]: float(line.split()[1]) for line in output.splitlines()}
        for assets, runs in ((100, 3), (10000, 1)):
            with zipfile.ZipFile(os.path.join(folder, f"{assets}-bundle.zip")) as archive:
                files = [(name, archive.read(name)) for name in sorted(archive.namelist()) if name != "SHA256SUMS"]
            packed = best_ms(runs, lambda: pack(files))
            print(f"python_zipfile_{assets}_assets {packed:.1f} ms "
                  f"({packed / ours[f'bundle_write_{assets}_assets']:.1f} times ours)")
            with open(os.path.join(folder, f"{assets}-assets.csv"), encoding="utf-8", newline="") as file:
                rows = [[row[i] for i in (3, 8, 10, 12, 15)] for row in csv.reader(file)]
            try:
                laid_out = best_ms(runs, lambda: table_pdf(rows))
            except ImportError:
                print("reportlab is not here: no peer for the PDF")
                continue
            print(f"reportlab_table_{assets}_assets {laid_out:.1f} ms (the asset table alone; "
                  f"{laid_out / ours[f'pdf_{assets}_assets']:.1f} times our whole report)")


main()
