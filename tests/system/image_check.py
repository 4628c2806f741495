#!/usr/bin/env python3
"""What scripts/image.sh built, run as it would be: nobody special, no compiler in it, a first start that says what to do, a volume that
keeps the data, healthy when it is ready, and an orderly end.

    image_check.py IMAGE FOLDER [BUILDAH-FLAG …]

Needs root and buildah, whose chroot isolation has neither a network nor processes of its own; ctest does not run it.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import uuid

import harness

SERVE_ENVIRONMENT = {"CARNET_LISTEN": "127.0.0.1:0"}


class Container:
    """A container of the image, whose volume is a folder here."""

    def __init__(self, flags, image, volume):
        self.buildah, self.volume = ["buildah", *flags], volume
        self.config = json.loads(self.output("inspect", "--type", "image", image))["Docker"]["config"]
        self.name = self.output("from", "--pull-never", image).strip()

    def output(self, *arguments):
        return subprocess.run([*self.buildah, *arguments], capture_output=True, text=True, check=True).stdout

    def command(self, *words, **environment):
        given = [part for line in self.config["Env"] if not line.startswith("PATH=") for part in ("--env", line)]
        given += [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
        return [*self.buildah, "run", "--isolation", "chroot", "--user", self.config["User"], *given,
                "--volume", f"{self.volume}:/var/lib/carnet", self.name, "--", *words]

    def run(self, *words, **environment):
        return subprocess.run(self.command(*words, **environment), capture_output=True, text=True, timeout=300)

    def remove(self):
        self.output("rm", self.name)


class Served:
    """The image's own command, until it is told to end."""

    def __init__(self, container):
        mark = uuid.uuid4().hex
        words = [*container.config["Entrypoint"], *container.config["Cmd"]]
        self.child = subprocess.Popen(container.command(*words, IMAGE_CHECK=mark, **SERVE_ENVIRONMENT), stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)
        found = re.search(r"carnet ready on (http://\S+)", self.child.stdout.readline())
        assert found, "no ready line"
        self.url = found.group(1)
        self.pid = next(int(entry.name) for entry in pathlib.Path("/proc").iterdir()
                        if entry.name.isdigit() and self.is_ours(entry, mark))

    @staticmethod
    def is_ours(entry, mark):
        try:
            return f"IMAGE_CHECK={mark}".encode() in (entry / "environ").read_bytes() and os.readlink(entry / "exe").endswith("bin/carnet")
        except OSError:
            return False

    def end(self, signal):
        os.kill(self.pid, signal)
        return self.child.wait(60)


def check_config(config):
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", config["User"]), config["User"]  # what runAsNonRoot can judge
    assert list(config["Volumes"]) == ["/var/lib/carnet"] and config["StopSignal"] == "SIGTERM", config
    assert config["Healthcheck"]["Test"][0] == "CMD-SHELL" and "8080/tcp" in config["ExposedPorts"], config


def check_contents(container):
    found = container.run("sh", "-c", "id -u; stat -c '%u %a' /var/lib/carnet; "
                          "command -v gcc cc clang clang-19 ld make ninja cmake npm node git python3; "
                          "ls /src /tmp /var/lib/apt/lists; find /var/cache/apt -name '*.deb'; true")
    user = container.config["User"].split(":", maxsplit=1)[0]
    assert found.stdout.split("\n")[:2] == [user, f"{user} 700"], found.stdout
    rest = [line for line in found.stdout.splitlines()[2:] if line and not line.endswith(":") and line != "partial"]
    assert not rest, rest
    shown = container.run("carnet", "version")
    assert shown.returncode == 0 and "OpenSSL" in shown.stdout, shown


def check_life(container):
    words = [*container.config["Entrypoint"], *container.config["Cmd"]]
    early = container.run(*words, **SERVE_ENVIRONMENT)
    assert early.returncode == 1 and "carnet init --data /var/lib/carnet/data" in early.stderr, early
    made = container.run("carnet", "init", "--data", "/var/lib/carnet/data", "--tenant", "Example Ltd")
    key = re.search(r"operator\s+(cnt_k_\w+)", made.stdout).group(1)
    scans = []
    for _ in range(2):
        served = Served(container)
        try:
            assert harness.call("GET", served.url + "/readyz").status == 200
            healthy = container.config["Healthcheck"]["Test"][1].replace("8080", served.url.rsplit(":", 1)[1])
            assert container.run("sh", "-c", healthy).returncode == 0, healthy
            known = [row["scanId"] for row in harness.call("GET", served.url + "/tenant/scans", key).json()["scans"]]
            assert known == scans, (known, scans)
            scans = scans or [harness.call("POST", served.url + "/pqc/scan", key, {"scenarioId": "bank-tls-inventory", "useFixture": True})
                              .json()["scanId"]]
            assert served.end(15) == 0
        finally:
            if served.child.poll() is None:
                served.end(9)
        assert container.run("sh", "-c", healthy).returncode != 0, "healthy without a server"


def main():
    image, folder, *flags = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="volume-", dir=folder) as volume:
        container = Container(flags, image, volume)
        try:
            check_config(container.config)
            user, group = map(int, container.config["User"].split(":"))
            os.chown(volume, user, group)
            check_contents(container)
            check_life(container)
        finally:
            container.remove()
    size = re.findall(r"\d[\d.]* [kMG]B$", subprocess.run(["buildah", *flags, "images", image], capture_output=True, text=True).stdout, re.M)
    print(f"{image}: built, started, healthy, ended; {size[0] if size else 'size unknown'}")


if __name__ == "__main__":
    main()
