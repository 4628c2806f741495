#!/usr/bin/python3
"""The configurations of data/configurations.json are what the programs themselves accept.

Each snippet is put into a minimal configuration and handed to the program's own check, as far as this machine has the
program and it is new enough. A snippet that needs OpenSSL 3.5 must be refused by an older one for its group alone, and be
accepted once the group is one that this one knows."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = json.loads((ROOT / "data" / "configurations.json").read_text())["configurations"]
CAUSES = {c["id"] for c in json.loads((ROOT / "data" / "remediation.json").read_text())["causes"]}
PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


def openssl_version():
    text = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(n) for n in re.search(r"OpenSSL (\d+)\.(\d+)", text).groups())


def find(name):
    return shutil.which(name, path=PATH)


def version_of(command, pattern):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    return tuple(int(n) for n in found.group(1).split(".")) if found else ()


class Folder:
    """A certificate and a place for configuration files."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                        str(self.path / "key.pem"), "-out", str(self.path / "cert.pem"), "-subj", "/CN=localhost", "-days", "2"],
                       capture_output=True, check=True)
        both = (self.path / "cert.pem").read_text() + (self.path / "key.pem").read_text()
        (self.path / "both.pem").write_text(both)

    def check(self, command, name, text):
        (self.path / name).write_text(text)
        return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, check=False)


def check_nginx(folder, snippet):
    text = (f"pid {folder.path}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n"
            + "".join(f"{kind}_temp_path {folder.path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            + f"server {{ listen 127.0.0.1:1 ssl; ssl_certificate {folder.path}/cert.pem; "
            f"ssl_certificate_key {folder.path}/key.pem;\n{snippet}}}\n}}\n")
    done = folder.check([find("nginx"), "-t", "-q", "-c", folder.path / "nginx.conf"], "nginx.conf", text)
    # It may not bind port 1 here; everything else was read by then.
    return done.returncode == 0 or "bind()" in done.stderr, done.stderr


def check_apache(folder, snippet):
    modules = pathlib.Path("/usr/lib/apache2/modules")
    text = (f"ServerRoot {folder.path}\nServerName localhost\nPidFile {folder.path}/pid\nErrorLog {folder.path}/log\n"
            "Listen 127.0.0.1:1\n"
            + "".join(f"LoadModule {m}_module {modules}/mod_{m}.so\n" for m in ("mpm_event", "authz_core", "socache_shmcb", "ssl"))
            + f"<VirtualHost *:1>\nSSLEngine on\nSSLCertificateFile {folder.path}/cert.pem\n"
            f"SSLCertificateKeyFile {folder.path}/key.pem\n{snippet}</VirtualHost>\n")
    done = folder.check([find("apache2"), "-t", "-f", folder.path / "apache.conf"], "apache.conf", text)
    return done.returncode == 0, done.stderr


def check_haproxy(folder, snippet):
    text = (f"global\n{snippet}defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
            f"frontend f\n bind 127.0.0.1:1 ssl crt {folder.path}/both.pem\n default_backend b\nbackend b\n")
    done = folder.check([find("haproxy"), "-c", "-f", folder.path / "haproxy.cfg"], "haproxy.cfg", text)
    return done.returncode == 0, done.stdout + done.stderr


def check_dovecot(folder, snippet):
    text = f"ssl_cert = <{folder.path}/cert.pem\nssl_key = <{folder.path}/key.pem\n{snippet}"
    if version_of([find("dovecot"), "--version"], r"(\d+\.\d+)") >= (2, 4):
        text = ("dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n"
                f"ssl_server_cert_file = {folder.path}/cert.pem\nssl_server_key_file = {folder.path}/key.pem\n{snippet}")
    done = folder.check([find("doveconf"), "-n", "-c", folder.path / "dovecot.conf"], "dovecot.conf", text)
    return done.returncode == 0, done.stderr


def check_sshd(folder, snippet):
    key = folder.path / "ssh_host_ed25519_key"
    if not key.exists():
        subprocess.run([find("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    text = f"HostKey {key}\n" + snippet.replace("/etc/ssh/ssh_host_ed25519_key", str(key))
    done = folder.check([find("sshd"), "-t", "-f", folder.path / "sshd_config"], "sshd_config", text)
    return done.returncode == 0, done.stderr


def check_postfix(folder, snippet):
    (folder.path / "master.cf").write_text("")
    done = folder.check([find("postconf"), "-c", folder.path, "-n"], "main.cf", "compatibility_level = 3.6\n" + snippet)
    return done.returncode == 0 and "unused parameter" not in done.stderr, done.stderr


PROGRAMS = {
    "nginx": ("nginx", check_nginx, ["-v"], r"nginx/(\d+\.\d+\.\d+)"),
    "Apache httpd": ("apache2", check_apache, ["-v"], r"Apache/(\d+\.\d+\.\d+)"),
    "HAProxy": ("haproxy", check_haproxy, ["-v"], r"version (\d+\.\d+)"),
    "Dovecot": ("doveconf", check_dovecot, None, None),
    "OpenSSH": ("sshd", check_sshd, ["-V"], r"OpenSSH_(\d+\.\d+)"),
    "Postfix": ("postconf", check_postfix, ["-d", "mail_version"], r"= (\d+\.\d+)"),
}


class ConfigurationsTest(unittest.TestCase):
    def test_rows_name_known_causes_and_programs(self):
        for row in ROWS:
            self.assertIn(row["software"], PROGRAMS)
            self.assertTrue(set(row["causes"]) <= CAUSES, row)
            self.assertRegex(row["since"], r"^\d+\.\d+(\.\d+)?$")
            self.assertTrue(row["source"].startswith("https://"))
            self.assertEqual("{group}" in "".join(row["lines"]), "OpenSSL 3.5" in row["needs"], row)

    def test_programs_accept_them(self):
        seen = set()
        with tempfile.TemporaryDirectory() as name:
            folder = Folder(name)
            for row in ROWS:
                program, check, version_args, pattern = PROGRAMS[row["software"]]
                if find(program) is None:
                    print(f"{row['software']}: {program} is not installed here; not checked", file=sys.stderr)
                    continue
                since = tuple(int(n) for n in row["since"].split("."))
                if version_args and version_of([find(program), *version_args], pattern) < since:
                    print(f"{row['software']}: older than {row['since']} here; not checked", file=sys.stderr)
                    continue
                snippet = "".join(line + "\n" for line in row["lines"])
                with self.subTest(software=row["software"], causes=row["causes"]):
                    seen.add(row["software"])
                    if "{group}" not in snippet or openssl_version() >= (3, 5):
                        good, said = check(folder, snippet.replace("{group}", "X25519MLKEM768"))
                        self.assertTrue(good, said)
                        continue
                    good, said = check(folder, snippet.replace("{group}", "P-384"))
                    self.assertTrue(good, said)
                    # These look at the names of groups only when they serve.
                    if row["software"] not in ("Apache httpd", "Dovecot", "Postfix"):
                        bad, _ = check(folder, snippet.replace("{group}", "X25519MLKEM768"))
                        self.assertFalse(bad, "an older OpenSSL took the group: is `needs` still right?")
        self.assertTrue({"nginx", "OpenSSH", "Dovecot"} <= seen, seen)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
