#!/usr/bin/env python3
"""Every command as its user would type it, mistakes included: exit codes and the words of the answer.

    cli_test.py CARNET
"""

import json
import os
import pathlib
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import unittest

from harness import Service, TlsServer, call, init, wait_until

CARNET = ""


def run(*arguments, env=None, cwd=None):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CARNET_")}
    return subprocess.run([CARNET, *arguments], capture_output=True, text=True, timeout=120, env={**environment, **(env or {})}, cwd=cwd)


class Cli(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="carnet-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.data = f"{self.folder}/data"

    def says(self, result, code, *words):
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        for word in words:
            self.assertIn(word, result.stdout + result.stderr)

    def test_help_everywhere(self):
        self.says(run("--help"), 0, "init", "serve", "scan", "verify", "keys", "admin", "config", "migrate", "backup", "restore", "version")
        for command in ("init", "serve", "scan", "verify", "keys", "admin", "config", "migrate", "backup", "restore", "version"):
            self.says(run(command, "--help"), 0, "Usage")
        self.says(run(), 2)
        self.says(run("frobnicate"), 2, "frobnicate", "--help")
        self.says(run("--version"), 0, "carnet 0.")
        self.says(run("version"), 0, "openssl", "sqlite")

    def test_man_page_and_completions(self):
        page = run("docs", "man")
        self.says(page, 0, ".TH CARNET 1", "carnet scan")
        checked = subprocess.run(["man", "--warnings", "-l", "-"], input=page.stdout, capture_output=True, text=True,
                                 env={**os.environ, "MANPAGER": "cat", "MANROFFOPT": "-ww"}) if shutil.which("man") else None
        self.assertTrue(checked is None or checked.stderr == "", checked and checked.stderr)
        script = run("docs", "bash").stdout + 'COMP_WORDS=(carnet admin key ""); COMP_CWORD=3; _carnet; echo "${COMPREPLY[@]}"\n'
        words = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.split()
        self.assertEqual({"create", "list", "revoke"} & set(words), {"create", "list", "revoke"})
        self.says(run("docs", "zsh"), 0, "#compdef carnet")
        self.says(run("docs", "fish"), 2, "man, bash or zsh")

    def test_init_makes_private_things_and_never_overwrites(self):
        self.says(run("init", "--data", self.data, "--tenant", "Acme"), 0, "Acme", "cnt_k_", "admin.key")
        self.assertEqual(stat.S_IMODE(os.stat(self.data).st_mode), 0o700)
        for name in ("admin.key", "pepper"):
            self.assertEqual(stat.S_IMODE(os.stat(f"{self.data}/{name}").st_mode), 0o600)
        before = pathlib.Path(f"{self.data}/pepper").read_text()
        self.says(run("init", "--data", self.data), 1, "not empty", "nothing was changed")
        self.assertEqual(pathlib.Path(f"{self.data}/pepper").read_text(), before)
        self.says(run("init", "--data", f"{self.folder}/a/b/c"), 1, "parent directory")
        self.assertEqual(os.listdir(self.folder), ["data"])  # nothing half-made is left
        keys_in_files = subprocess.run(["grep", "-rla", "cnt_k_", self.data], capture_output=True, text=True).stdout
        self.assertEqual(keys_in_files, "")  # keys are shown, never stored

    def test_settings_mistakes_stop_the_start(self):
        init(CARNET, self.data)
        serve = ("serve", "--data", self.data)
        self.says(run(*serve, "--listn", "x"), 2, "--listn")
        self.says(run(*serve, "--listen", "nonsense"), 2, "--listen", "nonsense", "ADDRESS:PORT")
        self.says(run(*serve, "--workers", "many"), 2, "--workers", "whole number")
        self.says(run(*serve, "--allow-targets", "10.0.0.0/33"), 2, "--allow-targets", "10.0.0.0/33")
        self.says(run(*serve, "--public-url", "ftp://x"), 2, "--public-url")
        nowhere = run(*serve, "--database", "postgresql://user:secret@127.0.0.1:1/db")
        self.says(nowhere, 1, "The database postgresql://user@127.0.0.1:1/db cannot be used", "cannot connect")
        self.assertNotIn("secret", nowhere.stderr)
        self.says(run(*serve, "--database", "oracle:x"), 2, "--database", "sqlite:FILE")
        self.says(run(*serve, env={"CARNET_LISTN": "x"}), 2, "CARNET_LISTN", "did you mean CARNET_LISTEN")
        self.says(run(*serve, "--admin-key-file", f"{self.folder}/none"), 1, "admin key file")
        self.says(run("serve", "--data", f"{self.folder}/nowhere"), 1, "carnet init --data")
        file = pathlib.Path(self.folder, "carnet.toml")
        file.write_text("listen = [\"127.0.0.1:0\"]\nworkrs = 3\n")
        self.says(run(*serve, "--config", str(file)), 2, "workrs", "did you mean workers")
        file.write_text("listen = \n")
        self.says(run(*serve, "--config", str(file)), 2, "TOML", "line 1")
        os.rename(f"{self.data}/pepper", f"{self.data}/pepper.away")
        self.says(run(*serve), 1, "pepper")

    def test_port_in_use(self):
        init(CARNET, self.data)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.says(run("serve", "--data", self.data, "--listen", f"127.0.0.1:{port}"), 1, "in use", str(port))

    def test_config_says_where_a_value_comes_from(self):
        pathlib.Path(self.folder, "carnet.toml").write_text("rate-limit = 100\nworkers = 2\nlog-level = \"warn\"\n")
        result = run("config", "--workers", "5", env={"CARNET_LOG_LEVEL": "debug"}, cwd=self.folder)
        self.says(result, 0)
        lines = {line.split()[0]: line for line in result.stdout.splitlines()}
        self.assertRegex(lines["workers"], r"5 +flag")
        self.assertRegex(lines["log-level"], r"debug +environment, CARNET_LOG_LEVEL")
        self.assertRegex(lines["rate-limit"], r"100 +file carnet\.toml")
        self.assertRegex(lines["listen"], r"127\.0\.0\.1:8080 +default")

    def test_migrate(self):
        self.says(run("migrate", "--data", self.data), 1, "carnet init")
        init(CARNET, self.data)
        self.says(run("migrate", "--check", "--data", self.data), 0, "current")
        self.says(run("migrate", "--data", self.data), 0, "current")

    def test_scan_exit_codes(self):
        self.says(run("scan"), 2, "name something to scan")
        self.says(run("scan", "not a host"), 2, "not a host")
        self.says(run("scan", "127.0.0.1:1", "--profile", "slow"), 2, "quick, standard or deep")
        self.says(run("scan", "127.0.0.1:1", "--format", "xml"), 2, "table, json, csv, pdf, cbom, sarif and bundle")
        self.says(run("scan", "127.0.0.1:1", "--fail-on", "sad"), 2, "sad")
        self.says(run("scan", "127.0.0.1:1"), 3, "could be reached")
        self.says(run("scan", "--from", f"{self.folder}/none"), 2, "cannot read")
        with TlsServer(self.folder) as peer:
            target = f"127.0.0.1:{peer.port}"
            good = run("scan", target)
            self.says(good, 0, target, "key-establishment", "authentication", "Readiness")
            self.assertIn("[1/1]", good.stderr)  # plain progress off a terminal
            self.says(run("scan", target, "--fail-under", "99"), 1, "under 99")
            self.says(run("scan", target, "--fail-on", "at-risk"), 1, "at-risk")
            report = json.loads(run("scan", target, "--format", "json", "-q").stdout)
            self.assertEqual(report["endpoints"][0]["port"], peer.port)
            self.assertEqual(report["endpoints"][0]["tls"]["certificates"][0]["keyAlgorithm"], "ECDSA P-256")
            csv = run("scan", target, "--format", "csv", "-o", f"{self.folder}/out.csv")
            self.says(csv, 0)
            self.assertTrue(pathlib.Path(self.folder, "out.csv").read_bytes().startswith(b'"'))
            for form, start in (("pdf", b"%PDF-"), ("bundle", b"PK"), ("cbom", b'{"$schema"'), ("sarif", b'{"$schema"')):
                out = pathlib.Path(self.folder, f"out.{form}")
                self.says(run("scan", target, "--format", form, "-o", str(out)), 0)
                self.assertTrue(out.read_bytes().startswith(start), form)
            later = json.loads(run("scan", target, "--format", "cbom", "--cbom-version", "1.7", "-q").stdout)
            self.assertEqual(later["specVersion"], "1.7")
            self.says(run("scan", target, "--format", "cbom", "--cbom-version", "9"), 2, "1.6 or 1.7")
            targets = pathlib.Path(self.folder, "list")
            targets.write_text(f"# mine\n{target}  # web\n\n")
            self.says(run("scan", "--from", str(targets)), 0, target)
            self.says(run("scan", target, "-o", f"{self.folder}/no/such/folder"), 2, "cannot write")

    def test_authorities_are_those_of_the_file_and_the_folder(self):
        with TlsServer(self.folder) as peer:
            certificate, empty, hashed = (pathlib.Path(self.folder, name) for name in ("tls.crt", "empty", "hashed"))
            empty.mkdir()
            hashed.mkdir()
            name = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-hash"], capture_output=True, text=True, check=True)

            def codes(file, folder):
                done = run("scan", f"localhost:{peer.port}", "--format", "json", "-q", "--profile", "quick", "--allow-targets", "127.0.0.0/8,::1",
                           env={"SSL_CERT_FILE": str(file), "SSL_CERT_DIR": str(folder)})
                self.says(done, 0)
                return {finding["code"] for finding in json.loads(done.stdout)["endpoints"][0]["tls"]["findings"]}

            self.assertIn("certificate_self_signed", codes(empty / "none", empty))
            self.assertNotIn("certificate_self_signed", codes(certificate, empty))
            shutil.copy(certificate, hashed / f"{name.stdout.strip()}.0")
            self.assertNotIn("certificate_self_signed", codes(empty / "none", hashed))

    def test_plan(self):
        keys = init(CARNET, self.data)
        with Service(CARNET, self.data, "--rate-limit", "100000") as service:
            scan = call("POST", service.url + "/pqc/scan", keys["operator"], {"scenarioId": "bank-tls-inventory", "useFixture": True}).json()["scanId"]
            def ended():
                return call("GET", f"{service.url}/pqc/scan/{scan}", keys["operator"]).json()["status"] != "running"
            wait_until(ended, 30, "the scan")
            env = {"CARNET_URL": service.url, "CARNET_API_KEY": keys["operator"]}
            self.says(run("plan", scan, "--url", service.url), 2, "--key-file", "CARNET_API_KEY")
            self.says(run("plan", "scan/../x", env=env), 2, "SCAN_ID")
            self.says(run("plan", scan, env=env), 1, "capacityDaysPerWeek")
            self.says(run("plan", scan, "--capacity", "3", env=env), 0, "WEEK", "EXPOSURE LEFT", "finished by", "optim")
            plan = json.loads(run("plan", scan, "--capacity", "3", "--json", env=env).stdout)
            first, second = [item["remediationId"] for item in plan["items"][:2]]
            file = pathlib.Path(self.folder) / "constraints.json"
            file.write_text(json.dumps({"dependencies": [{"before": first, "after": second}, {"before": second, "after": first}]}))
            self.says(run("plan", scan, "--capacity", "3", "--constraints", str(file), env=env), 1, "dependencies.0", "circle")
            file.write_text("[]")
            self.says(run("plan", scan, "--capacity", "3", "--constraints", str(file), env=env), 2, "one JSON object")

    def test_share(self):
        keys = init(CARNET, self.data)
        with Service(CARNET, self.data, "--rate-limit", "100000") as service:
            scan = call("POST", service.url + "/pqc/scan", keys["operator"], {"scenarioId": "bank-tls-inventory", "useFixture": True}).json()["scanId"]
            def ended():
                return call("GET", f"{service.url}/pqc/scan/{scan}", keys["operator"]).json()["status"] != "running"
            wait_until(ended, 30, "the scan")
            env = {"CARNET_URL": service.url, "CARNET_API_KEY": keys["operator"]}
            self.says(run("share", "create", scan, "--url", service.url), 2, "--key-file", "CARNET_API_KEY")
            self.says(run("share", "create", "scan/../x", env=env), 2, "SCAN_ID")
            self.says(run("share", "create", scan, "--max-views", "0", env=env), 1, "maxViews")
            made = run("share", "create", scan, "--recipient", "Audit\x1b[31m", "--generate-passcode", "--max-views", "2", env=env)
            self.says(made, 1, "recipient")  # a control character
            made = run("share", "create", scan, "--recipient", "Audit Ltd", "--generate-passcode", "--max-views", "2", env=env)
            self.says(made, 0, "/r/cnt_s_", "passcode", "valid until", "carnet share revoke share_")
            url = made.stdout.splitlines()[0]
            passcode = re.search(r"passcode +(\S+)", made.stdout).group(1)
            opened = call("POST", url + "/open", None, {"passcode": passcode}).json()
            self.assertEqual(opened["viewsLeft"], 1)
            listed = run("share", "list", scan, env=env)
            self.says(listed, 0, "active", "1 of 2", "Audit Ltd")
            share = re.search(r"share_\w+", listed.stdout).group()
            self.says(run("share", "views", share, env=env), 0, "opened")
            self.assertEqual(json.loads(run("share", "views", share, "--json", env=env).stdout)["views"][-1]["outcome"], "opened")
            pathlib.Path(f"{self.folder}/key").write_text(keys["operator"] + "\n")
            by_file = ("--key-file", f"{self.folder}/key", "--url", service.url)
            self.says(run("share", "revoke", share, *by_file), 0, "revoked")
            self.says(run("share", "list", *by_file), 0, "revoked")
            pathlib.Path(f"{self.folder}/passcode").write_text("from a file\nsecond line\n")
            made = run("share", "create", scan, "--passcode-file", f"{self.folder}/passcode", "--json", *by_file)
            opened = call("POST", json.loads(made.stdout)["url"] + "/open", None, {"passcode": "from a file"})
            self.assertEqual(opened.status, 200)
            self.says(run("share", "list", "--url", service.url, "--key", keys["viewer"]), 1, "operator")
        self.says(run("share", "list", env=env), 3, "cannot reach")

    def test_admin(self):
        init(CARNET, self.data)
        with Service(CARNET, self.data) as service:
            admin = ("--url", service.url, "--data", self.data)
            made = run("admin", "tenant", "create", "Globex", "--slug", "globex", *admin)
            self.says(made, 0, "Globex", "globex")
            tenant = re.search(r"ten_\w+", made.stdout).group(0)
            self.says(run("admin", "tenant", "create", "Other", "--slug", "globex", *admin), 1, "slug")
            issued = run("admin", "key", "create", tenant, "--label", "ci", "--role", "viewer", *admin)
            self.says(issued, 0, "cnt_k_", "viewer")
            key, key_id = re.search(r"cnt_k_\w+", issued.stdout).group(0), re.search(r"key_\w+", issued.stdout).group(0)
            self.assertEqual(call("GET", service.url + "/tenant/me", key).status, 200)
            self.says(run("admin", "key", "list", tenant, *admin), 0, key_id)
            self.says(run("admin", "key", "revoke", key_id, *admin), 0)
            self.assertEqual(call("GET", service.url + "/tenant/me", key).status, 401)
            self.says(run("admin", "tenant", "list", "--json", *admin), 0, '"tenants"')
            self.says(run("admin", "key", "create", tenant, "--label", "x", "--role", "king", *admin), 1, "role")
            self.says(run("admin", "key", "revoke", "../tenants", *admin), 2, "KEY_ID")
            self.assertEqual(service.stop(), 0)
            self.says(run("admin", "tenant", "list", *admin), 3, "cannot reach", "--url")
        self.says(run("admin", "tenant", "list", "--data", f"{self.folder}/none"), 2, "admin key")

    def test_a_second_service_and_an_orderly_end(self):
        init(CARNET, self.data)
        with Service(CARNET, self.data) as service:
            self.assertEqual(call("GET", service.url + "/readyz").status, 200)
            self.assertEqual(service.stop(), 0)

    def test_persistence_off(self):
        with Service(CARNET, f"{self.folder}/none", "--database", "none") as service:
            self.assertEqual(call("GET", service.url + "/healthz").status, 200)
            answer = call("GET", service.url + "/tenant/me", "cnt_k_" + "0" * 48)
            self.assertIn(answer.status, (401, 503))
            self.assertEqual(service.stop(), 0)


if __name__ == "__main__":
    CARNET = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
