#!/usr/bin/env python3
"""A tenant as a whole, by the real program: audit trail exported and checked by others, everything as a ZIP, erasing and closing that go on
after a kill.

    governance_test.py CARNET
"""

import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

from harness import Service, call, init, run, wait_until

SCRIPT = pathlib.Path(__file__).parent.parent.parent / "docs/verify/audit.py"
SAMPLE = {"scenarioId": "bank-tls-inventory", "useFixture": True}
SECRETS = ("secretMac", "passcodeHash", "publicId", "previousSecret", "leaseOwner")


def scan(service, key):
    scan_id = call("POST", service.url + "/pqc/scan", key, SAMPLE).json()["scanId"]
    wait_until(lambda: call("GET", f"{service.url}/pqc/scan/{scan_id}", key).json()["status"] == "success", 60, scan_id)
    return scan_id


def check_file(carnet, trail, keys, expected):
    """By the program offline, and by a script that shares no code with it."""
    ours = run(carnet, "audit", "verify", trail, "--keys", keys)
    assert ours.returncode == expected, (ours.stdout, ours.stderr)
    script = subprocess.run(["/usr/bin/python3", SCRIPT, trail, keys], capture_output=True, text=True, check=False)
    assert script.returncode == expected, (script.stdout, script.stderr)
    return ours.stdout


def trail_checks(carnet, folder, service, flags):
    keys = f"{folder}/keys.json"
    pathlib.Path(keys).write_bytes(call("GET", service.url + "/.well-known/carnet-keys.json").body)
    out = run(carnet, "audit", "verify", *flags)
    assert out.returncode == 0 and out.stdout.startswith("INTACT: "), out
    listed = run(carnet, "audit", "list", "--action", "share.", *flags)
    assert listed.returncode == 0 and "share.create" in listed.stdout and "scan.create" not in listed.stdout, listed
    trail = f"{folder}/audit.ndjson"
    assert run(carnet, "audit", "export", "-o", trail, *flags).returncode == 0
    assert pathlib.Path(trail).stat().st_mode & 0o777 == 0o600
    assert "INTACT" in check_file(carnet, trail, keys, 0)
    lines = pathlib.Path(trail).read_text().splitlines(keepends=True)
    assert len(lines) > 6
    changed = json.loads(lines[3])
    changed["actor"] = "key_somebody"
    for name, altered in {"altered": lines[:3] + [json.dumps(changed) + "\n"] + lines[4:],
                          "deleted": lines[:3] + lines[4:],
                          "swapped": lines[:3] + [lines[4], lines[3]] + lines[5:],
                          "put in": lines[:4] + [lines[3]] + lines[4:],
                          "cut": lines[:-2] + lines[-1:]}.items():
        bad = f"{folder}/bad.ndjson"
        pathlib.Path(bad).write_text("".join(altered))
        assert "ALTERED at row" in check_file(carnet, bad, keys, 2), name
    # Without the head nothing says where it ends.
    pathlib.Path(bad).write_text("".join(lines[:-1]))
    assert run(carnet, "audit", "verify", bad, "--keys", keys).returncode == 3
    return keys


def archive_checks(carnet, folder, flags, keys, scans, share):
    path = f"{folder}/all.zip"
    out = run(carnet, "tenant", "export", "-o", path, *flags)
    assert out.returncode == 0, out
    assert run(carnet, "tenant", "export", "-o", path, *flags).returncode != 0, "it wrote over a file"
    assert subprocess.run(["unzip", "-tqq", path], check=False).returncode == 0
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        names = set(archive.namelist())
        assert names == {entry["name"] for entry in manifest["files"]} | {"manifest.json"}, names
        kinds = {}
        for entry in manifest["files"]:
            data = archive.read(entry["name"])
            assert len(data) == entry["bytes"] and hashlib.sha256(data).hexdigest() == entry["sha256"], entry
            if entry["name"].endswith(".ndjson"):
                kinds[entry["name"][:-7]] = [json.loads(line) for line in data.decode().splitlines()]
                assert len(kinds[entry["name"][:-7]]) == entry["rows"], entry
        pathlib.Path(f"{folder}/inside.ndjson").write_bytes(archive.read("audit.ndjson"))
    check_file(carnet, f"{folder}/inside.ndjson", keys, 0)
    assert [row["id"] for row in kinds["scans"]] == sorted(scans)
    assert sorted(row["scanId"] for row in kinds["results"]) == sorted(scans)
    assert all(row["result"]["readinessScore"] is not None for row in kinds["results"])
    assert [row["id"] for row in kinds["shares"]] == [share["id"]]
    assert len(kinds["keys"]) >= 3 and len(kinds["assets"]) > 3 and len(kinds["passport_files"]) > 3
    everything = json.dumps(kinds)
    for name in SECRETS:
        assert f'"{name}"' not in everything, name
    assert share["token"] not in everything and share["token"][16:] not in everything


def main():
    carnet = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="carnet-governance-") as folder:
        data = f"{folder}/data"
        keys_of = init(carnet, data)
        admin, operator = keys_of["admin"], keys_of["operator"]
        arguments = (carnet, data, "--log-level", "error", "--rate-limit", "1000000")
        with Service(*arguments) as service:
            flags = ["--url", service.url, "--key", admin]
            scans = [scan(service, operator) for _ in range(3)]
            share = call("POST", f"{service.url}/tenant/scans/{scans[0]}/share", operator, {"passcode": "correct horse"}).json()
            keys = trail_checks(carnet, folder, service, flags)
            archive_checks(carnet, folder, flags, keys, scans, share)

            ages = run(carnet, "tenant", "retention", *flags)
            assert ages.returncode == 0 and "kept for ever" in ages.stdout, ages
            ages = run(carnet, "tenant", "retention", "--days", "30", *flags)
            assert ages.returncode == 0 and "kept for 30 days" in ages.stdout and "0 to delete, 0 kept" in ages.stdout, ages
            assert json.loads(run(carnet, "tenant", "retention", "--days", "30", "--json", *flags).stdout)["complete"] is True
            assert run(carnet, "tenant", "retention", "--days", "0", *flags).returncode != 0

            plan = run(carnet, "tenant", "erase", "--dry-run", *flags)
            assert plan.returncode == 0 and "scans           3" in plan.stdout, plan
            slug = json.loads(run(carnet, "tenant", "erase", "--dry-run", "--json", *flags).stdout)["confirm"]
            assert run(carnet, "tenant", "erase", *flags).returncode == 2
            assert run(carnet, "tenant", "erase", "--confirm", "another", *flags).returncode == 1
            assert run(carnet, "tenant", "erase", "--confirm", slug, *flags).returncode == 0
            service.kill()  # perhaps before the first row is gone, perhaps behind some
        with Service(*arguments) as service:
            flags = ["--url", service.url, "--key", admin]
            wait_until(lambda: call("GET", service.url + "/tenant/me", admin).json().get("state") == "active", 60, "the erasure")
            assert call("GET", service.url + "/tenant/scans", admin).json()["count"] == 0
            assert run(carnet, "audit", "verify", *flags).returncode == 0
            scan(service, operator)
            assert run(carnet, "tenant", "offboard", "--confirm", slug, "--grace-days", "3", *flags).returncode == 0
            assert call("POST", service.url + "/pqc/scan", operator, SAMPLE).json()["code"] == "tenant_closing"
            assert "closing" in run(carnet, "tenant", "offboard", "--status", *flags).stdout
            assert run(carnet, "tenant", "offboard", "--cancel", *flags).returncode == 0
            scan(service, operator)
            assert run(carnet, "tenant", "offboard", "--confirm", slug, "--grace-days", "0", *flags).returncode == 0
            service.kill()
        with Service(*arguments) as service:
            wait_until(lambda: call("GET", service.url + "/tenant/me", admin).status == 401, 60, "the closing")
            wait_until(lambda: call("GET", service.url + "/metrics").body.decode().count("carnet_tenant_removals_due 0"), 60, "its end")
            # The removal's own entry gets its place within the next second or so.
            wait_until(lambda: "carnet_audit_unsealed_rows 0\n" in call("GET", service.url + "/metrics").body.decode(), 30, "its sealing")
            metrics = call("GET", service.url + "/metrics").body.decode()
            assert "carnet_audit_seal_failures_total 0\n" in metrics, metrics
    print("ok")


main()
