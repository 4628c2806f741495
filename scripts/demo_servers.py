"""The demonstration servers of ./run: classical TLS, hybrid TLS and SSH, real programs on free loopback ports.

Everything is unprivileged, keys and certificates are made afresh and live in a temporary folder that goes with the run.
"""

import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess

NOBODY = 65534


class DemoError(Exception):
    """A sentence for the user."""


def die_with_parent():
    """In a child before exec: be ended by the kernel if this script is killed, so that nothing is left running."""
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class Children:
    """The processes this run started, and nothing else; ended by pid, newest first."""

    def __init__(self):
        self._all = []

    def start(self, argv, **options):
        # A session of its own: Ctrl-C reaches this script only, which then ends the others in order.
        process = subprocess.Popen(argv, start_new_session=True, preexec_fn=die_with_parent, **options)
        self._all.append(process)
        return process

    def stop(self, process, patience_s=15):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(patience_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self._all:
            self._all.remove(process)
        return process.returncode

    def stop_all(self):
        for process in reversed(list(self._all)):
            self.stop(process)


def check(argv, what, **options):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise DemoError(f"{what} failed:\n{done.stdout.strip()}")
    return done.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificate(folder, name, key_options):
    check(["openssl", "req", "-x509", "-newkey", *key_options, "-noenc", "-days", "30",
           "-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt"),
           "-subj", f"/CN={name}.demo.invalid", "-addext", f"subjectAltName=DNS:{name}.demo.invalid,IP:127.0.0.1"],
          "making a throw-away certificate")


def node_program(root):
    """A Node.js whose OpenSSL knows ML-KEM (3.5 or newer), or None."""
    candidates = sorted((root / "third_party/npm/node_modules").glob("node-linux-*/bin/node"))
    system = shutil.which("node")
    if system:
        candidates.append(pathlib.Path(system))
    for node in candidates:
        done = subprocess.run([str(node), "-p", "process.versions.openssl"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        numbers = done.stdout.strip().split(".")[:2]
        if done.returncode == 0 and all(n.isdigit() for n in numbers) and [int(n) for n in numbers] >= [3, 5]:
            return node
    return None


def start_tls(root, folder, children):
    """Starts both TLS servers; gives [(name, port)]."""
    node = node_program(root)
    if node is None:
        raise DemoError("no Node.js with OpenSSL 3.5 was found for the TLS servers")
    make_certificate(folder, "classical", ["rsa:2048"])
    make_certificate(folder, "hybrid", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
    process = children.start([str(node), str(root / "scripts/demo_tls.mjs"), str(folder)], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    if not line:
        raise DemoError("the TLS servers did not start")
    ports = json.loads(line)
    return [("classical TLS", ports["classical"]), ("hybrid TLS", ports["hybrid"])]


def fetch_openssh(root):
    """Brings sshd without installing it: downloads Debian's packages and unpacks them below build/. Gives the folder.

    Needs no root, and puts no service on the machine.
    """
    folder = root / "build/demo/openssh"
    if (folder / "usr/sbin/sshd").exists():
        return folder
    wanted = ["openssh-server", "openssh-client"]
    depends = check(["apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks",
                     "--no-replaces", "--no-enhances", *wanted], "asking apt for the parts of OpenSSH")
    names = {line.strip() for line in depends.splitlines() if line.startswith("lib")}
    installed = {line.split(":")[0] for line in
                 check(["dpkg-query", "-W", "-f", "${Package}\n"], "dpkg-query").splitlines()}
    libraries = sorted(n for n in names - installed if not n.endswith("-perl") and ":" not in n)
    fresh = folder.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    # apt's download user may not be able to write here; -o APT::Sandbox::User=root only silences its note about that.
    check(["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *wanted, *libraries],
          "downloading OpenSSH's server", cwd=fresh)
    for package in fresh.glob("*.deb"):
        check(["dpkg-deb", "-x", str(package), str(fresh)], "unpacking OpenSSH")
        package.unlink()
    fresh.rename(folder)
    return folder


class OpenSsh:
    """Where sshd is and how to call it."""

    def __init__(self, root, folder):
        self.prefix = []
        self.environment = dict(os.environ)
        self.config = []
        self.sshd = "/usr/sbin/sshd"
        self.keygen = shutil.which("ssh-keygen")
        if not os.path.exists(self.sshd):
            tree = fetch_openssh(root)
            if os.geteuid() == 0:
                # It will run as nobody, who may not be able to read the clone.
                shutil.copytree(tree, folder / "openssh", symlinks=True)
                tree = folder / "openssh"
            self._use_tree(tree)
        if os.geteuid() == 0:
            # As root sshd would want its own user and folder on the machine. As nobody it can do the key exchange, and
            # can let nobody in, which is all that is wanted.
            self.prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig", "TERM", "--"]

    def _use_tree(self, tree):
        self.sshd = str(tree / "usr/sbin/sshd")
        if self.keygen is None:
            self.keygen = str(tree / "usr/bin/ssh-keygen")
        libraries = {str(path.parent) for path in tree.rglob("*.so.*")}
        self.environment["LD_LIBRARY_PATH"] = ":".join(sorted(libraries))
        # Since OpenSSH 9.8 and 10.0 the server is several programs.
        for option, name in (("SshdSessionPath", "sshd-session"), ("SshdAuthPath", "sshd-auth")):
            path = tree / "usr/lib/openssh" / name
            if path.exists():
                self.config.append(f"{option} {path}")


def start_ssh(root, folder, children):
    """Starts sshd; gives [(name, port)]. Nobody can log in: no way to authenticate is on."""
    home = folder / "ssh"
    home.mkdir()
    ssh = OpenSsh(root, folder)
    keys = []
    for kind, bits in (("ed25519", []), ("rsa", ["-b", "3072"])):
        key = home / f"host_{kind}"
        check([ssh.keygen, "-q", "-t", kind, *bits, "-N", "", "-C", "", "-f", str(key)], "making a throw-away host key",
              env=ssh.environment)
        keys.append(f"HostKey {key}")
    config = home / "sshd_config"
    always = [*keys, *ssh.config, "PidFile none", "UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
              "PubkeyAuthentication no", "LogLevel QUIET", "MaxStartups 200", "LoginGraceTime 20"]
    # Newer servers shut out an address that connects often without logging in, which is what a scan does.
    penalties = "PerSourcePenalties no"
    if os.geteuid() == 0:
        os.chmod(folder, 0o711)
        for path in [home, *home.iterdir()]:
            os.chown(path, NOBODY, NOBODY)
    for extra in ([penalties], []):
        config.write_text("\n".join(["ListenAddress 127.0.0.1", *always, *extra]) + "\n")
        tried = subprocess.run([*ssh.prefix, ssh.sshd, "-t", "-f", str(config)], env=ssh.environment, stdin=subprocess.DEVNULL,
                               capture_output=True, text=True)
        if tried.returncode == 0:
            break
    else:
        raise DemoError(f"sshd does not accept its configuration: {tried.stderr.strip()}")
    for _ in range(5):
        port = free_port()
        process = children.start([*ssh.prefix, ssh.sshd, "-D", "-e", "-f", str(config), "-p", str(port)], env=ssh.environment,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if speaks_ssh(process, port):
            return [("SSH", port)]
        children.stop(process)
    raise DemoError("sshd did not start")


def speaks_ssh(process, port):
    """Waits until the port greets; False if the process ended instead (the port was taken in between)."""
    while process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                return connection.recv(4) == b"SSH-"
        except ConnectionRefusedError:
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        except OSError:
            return False
    return False


def start_all(root, folder, children, note):
    """Starts what can be started; gives [(name, port)]. What cannot be is said through `note`, never faked."""
    servers = []
    for starter in (start_tls, start_ssh):
        try:
            servers += starter(root, folder, children)
        except DemoError as problem:
            note(f"a demonstration server is missing: {problem}")
    if not servers:
        raise DemoError("no demonstration server could be started; name a target instead: ./run HOST:PORT")
    return servers
