#!/usr/bin/env python3
"""The Debian package as it is built: what is in it, and a real installation with dpkg.

    package_test.py BUILD_FOLDER SOURCE_FOLDER

`cpack` packs what is built. The installation happens in a copy of this system that is thrown away (an overlay in a mount namespace of
its own), so dependencies, maintainer scripts, the user and the data directory are the real thing and nothing of it stays. Who is not
root, and where overlays are not to be had, sees that part skipped.
"""

import gzip
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

BUILD = SOURCE = pathlib.Path()

INSTALL = r"""
set -eu
mount -t tmpfs scratch "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t tmpfs tmp "$1/root/tmp"
for folder in dev proc; do mount --rbind "/$folder" "$1/root/$folder"; done
cp "$2" "$1/root/tmp/carnet.deb"
cp "$3" "$1/root/tmp/steps.sh"
exec chroot "$1/root" /bin/sh -eu /tmp/steps.sh
"""

STEPS = r"""
export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin
rm -rf /run/systemd/system
! getent passwd carnet >/dev/null
dpkg -i /tmp/carnet.deb
dpkg -s carnet | grep -qx 'Status: install ok installed'
dpkg --verify carnet
getent passwd carnet | grep -q ':/var/lib/carnet:'
test "$(stat -c '%U:%G %a' /var/lib/carnet)" = 'carnet:carnet 700'
test "$(stat -c '%U:%G %a' /etc/carnet/carnet.toml)" = 'root:carnet 640'
carnet_user='setpriv --reuid=carnet --regid=carnet --clear-groups --'
as() { $carnet_user env -i PATH="$PATH" "$@"; }
as carnet init --data /var/lib/carnet/data --tenant 'Example Ltd' | grep -q cnt_k_
test "$(stat -c '%U %a' /var/lib/carnet/data)" = 'carnet 700'

# As the unit starts it.
cd /
$carnet_user env -i PATH="$PATH" CARNET_DATA_DIR=/var/lib/carnet/data CARNET_CONFIG=/etc/carnet/carnet.toml CARNET_LISTEN=127.0.0.1:0 \
  carnet serve > /tmp/out 2> /tmp/log &
served=$!
for _ in $(seq 200); do grep -q '^carnet ready on' /tmp/out && break; sleep 0.05; done
curl -sf "$(sed -n 's/^carnet ready on //p' /tmp/out)/readyz" | grep -q success
as carnet backup /var/lib/carnet/backup --data /var/lib/carnet/data
kill -TERM $served
wait $served

# An administrator's change outlives an upgrade.
echo '# mine' >> /etc/carnet/carnet.toml
dpkg --force-confold -i /tmp/carnet.deb
grep -qx '# mine' /etc/carnet/carnet.toml
as carnet keys list --data /var/lib/carnet/data | grep -q 'in use'

dpkg -r carnet
! test -e /usr/bin/carnet
grep -qx '# mine' /etc/carnet/carnet.toml
dpkg -P carnet
! test -e /etc/carnet
! test -e /etc/default/carnet
test -e /var/lib/carnet/data/pepper
echo INSTALLED-AND-REMOVED
"""


def run(*command, **more):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **more)


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="carnet-package-")
        cls.folder = pathlib.Path(cls.temporary.name)
        packed = run("cpack", "-G", "DEB", "-B", cls.folder / "packed", "--config", BUILD / "CPackConfig.cmake")
        assert packed.returncode == 0, packed.stdout + packed.stderr
        (cls.deb,) = (cls.folder / "packed").glob("*.deb")
        cls.root = cls.folder / "root"
        assert run("dpkg-deb", "-x", cls.deb, cls.root).returncode == 0
        assert run("dpkg-deb", "-e", cls.deb, cls.folder / "control").returncode == 0
        cls.control = run("dpkg-deb", "-f", cls.deb).stdout

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def field(self, name):
        found = re.search(rf"^{name}: (.*(?:\n .*)*)", self.control, re.MULTILINE)
        self.assertIsNotNone(found, self.control)
        return found.group(1)

    def test_control(self):
        self.assertEqual(self.field("Package"), "carnet")
        self.assertRegex(self.field("Version"), r"^\d+\.\d+\.\d+")
        self.assertRegex(self.field("Maintainer"), r"^[^<>]+ <\S+@\S+>$")
        self.assertLessEqual(len(self.field("Description").splitlines()[0]), 80)
        self.assertGreater(len(self.field("Description").splitlines()), 1)
        self.assertGreater(int(self.field("Installed-Size")), 1000)
        depends = self.field("Depends")
        # dpkg-shlibdeps found them, with versions; what the program is linked with is there and compilers are not.
        for library in ("libc6 (>=", "libssl3", "libsqlite3-0 (>=", "libpq5 (>=", "libcurl4", "libargon2-1", "libc-ares2", "libpango-1.0-0"):
            self.assertIn(library, depends)
        self.assertNotIn("-dev", depends)

    def test_every_library_is_in_a_package_it_depends_on(self):
        needed = re.findall(r"NEEDED\s+(\S+)", run("objdump", "-p", self.root / "usr/bin/carnet").stdout)
        self.assertGreater(len(needed), 5)
        depends = {re.split(r"[ (|,]", part.strip())[0] for part in self.field("Depends").split(",")}
        paths = dict(re.findall(r"(\S+) => (\S+)", run("ldd", self.root / "usr/bin/carnet").stdout))
        for library in needed:
            if library not in paths:  # the loader itself
                continue
            owners = run("dpkg", "-S", os.path.realpath(paths[library])).stdout + run("dpkg", "-S", paths[library]).stdout
            packages = {line.split(":")[0] for line in owners.splitlines()}
            self.assertTrue(packages & depends, f"{library} of {packages} is in none of {depends}")

    def test_contents(self):
        names = {str(p.relative_to(self.root)) for p in self.root.rglob("*") if not p.is_dir()}
        for name in ("usr/bin/carnet", "usr/share/man/man1/carnet.1.gz", "usr/share/bash-completion/completions/carnet",
                     "usr/share/zsh/vendor-completions/_carnet", "usr/lib/systemd/system/carnet.service",
                     "usr/lib/sysusers.d/carnet.conf", "usr/lib/tmpfiles.d/carnet.conf", "etc/carnet/carnet.toml", "etc/default/carnet",
                     "usr/share/doc/carnet/copyright", "usr/share/doc/carnet/NOTICE", "usr/share/doc/carnet/changelog.gz",
                     "usr/share/doc/carnet/operations.md", "usr/share/doc/carnet/examples/grafana/carnet.json",
                     "usr/share/doc/carnet/examples/prometheus/carnet.rules.yml"):
            self.assertIn(name, names)
        for name in names:
            self.assertRegex(name, r"^(usr/(bin|lib|share)|etc)/")
        conffiles = (self.folder / "control" / "conffiles").read_text().split()
        self.assertEqual(set(conffiles), {"/" + n for n in names if n.startswith("etc/")})
        for line in run("dpkg-deb", "-c", self.deb).stdout.splitlines():
            self.assertRegex(line, r"^[-dl]\S+ root/root ", line)
        for path in self.root.rglob("*"):
            mode = stat.S_IMODE(path.lstat().st_mode)
            self.assertEqual(mode & 0o7022, 0, f"{path}: {mode:o}")
        for script in ("postinst", "prerm", "postrm"):
            self.assertTrue(os.access(self.folder / "control" / script, os.X_OK), script)
            self.assertEqual(run("sh", "-n", self.folder / "control" / script).returncode, 0)
        sections = run("objdump", "-h", self.root / "usr/bin/carnet").stdout
        self.assertNotIn(".debug_info", sections)

    def test_manual_and_completions(self):
        manual = gzip.decompress((self.root / "usr/share/man/man1/carnet.1.gz").read_bytes()).decode()
        self.assertTrue(manual.startswith(".TH"), manual[:80])
        self.assertIn("restore", manual)
        completion = self.root / "usr/share/bash-completion/completions/carnet"
        self.assertEqual(run("bash", "-n", completion).returncode, 0)
        self.assertTrue((self.root / "usr/share/zsh/vendor-completions/_carnet").read_text().startswith("#compdef carnet"))

    def test_unit(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd is not installed")
        unit = "usr/lib/systemd/system/carnet.service"
        # With the package's own program in place of /usr/bin/carnet.
        copy = self.folder / "unit"
        copy.mkdir()
        text = (self.root / unit).read_text().replace("/usr/bin/carnet", str(self.root / "usr/bin/carnet"))
        (copy / "carnet.service").write_text(text)
        verified = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", copy / "carnet.service")
        self.assertEqual((verified.returncode, verified.stderr.strip()), (0, ""))
        rated = run("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=20", self.root / unit)
        level = re.search(r"Overall exposure level for carnet.service: ([\d.]+)", rated.stdout)
        self.assertIsNotNone(level, rated.stdout + rated.stderr)
        self.assertLessEqual(float(level.group(1)), 2.0)
        self.assertEqual(rated.returncode, 0, rated.stdout)
        for tool, file in (("systemd-sysusers", "sysusers.d"), ("systemd-tmpfiles", "tmpfiles.d")):
            empty = self.folder / tool
            (empty / "etc").mkdir(parents=True)
            arguments = ["--dry-run"] if tool == "systemd-sysusers" else ["--cat-config"]
            said = run(tool, *arguments, f"--root={empty}", self.root / f"usr/lib/{file}/carnet.conf")
            self.assertEqual(said.returncode, 0, said.stderr)

    def test_installed_upgraded_removed_and_purged(self):
        if os.geteuid() != 0:
            self.skipTest("installing with dpkg takes root")
        scratch = self.folder / "scratch"
        scratch.mkdir()
        probe = run("unshare", "--mount", "sh", "-c", 'mount -t tmpfs s "$1" && mkdir "$1/u" "$1/w" "$1/m" && mount -t overlay o -o '
                    '"lowerdir=/,upperdir=$1/u,workdir=$1/w" "$1/m"', "sh", scratch)
        if probe.returncode != 0:
            self.skipTest("no overlay of this system can be mounted: " + probe.stderr.strip())
        steps = self.folder / "steps.sh"
        steps.write_text(STEPS)
        done = run("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", INSTALL, "sh", scratch, self.deb, steps,
                   timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("INSTALLED-AND-REMOVED", done.stdout)


class Container(unittest.TestCase):
    """What can be read of the Dockerfile. `./test --image` builds it and runs what comes out."""

    def test_dockerfile(self):
        text = (SOURCE / "packaging/docker/Dockerfile").read_text()
        stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
        self.assertEqual(len(stages), 2)
        for stage in stages:
            self.assertRegex(stage, r"^debian:1[23]-slim\b", "a release, not `latest`")
        final = stages[1]
        self.assertIn("COPY --from=build", final)
        for instruction in ("USER 990:990", "HEALTHCHECK", "VOLUME /var/lib/carnet", "STOPSIGNAL SIGTERM", 'ENTRYPOINT ["/usr/bin/carnet"]'):
            self.assertRegex(final, rf"(?m)^{re.escape(instruction)}")
        self.assertLess(final.index("apt-get install"), final.index("USER 990"))
        self.assertIn("rm -rf", final)
        self.assertNotRegex(text, r"(?i)(password|secret|token)\s*=")
        # Every file that is copied from the clone or named is there.
        for path in re.findall(r"(?:packaging|scripts)/[\w./-]+", text):
            self.assertTrue((SOURCE / path).exists(), path)
        self.assertIn("build", (SOURCE / ".dockerignore").read_text().split())


if __name__ == "__main__":
    BUILD, SOURCE = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
    unittest.main(verbosity=2)
