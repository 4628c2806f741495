"""The servers that bench/probe_compare.py looks at, and what each of them truly offers: that is its configuration.

All on loopback, on ports the system chose, with throw-away keys; ended by pid.
"""

import contextlib
import ctypes
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import demo_servers  # noqa: E402  finds or fetches sshd, and runs it as nobody

NAMES = {"X25519": "X25519", "x25519": "X25519", "prime256v1": "P-256", "P-256": "P-256", "secp256r1": "P-256", "secp384r1": "P-384",
         "P-384": "P-384", "secp521r1": "P-521", "P-521": "P-521", "x448": "X448", "X448": "X448", "X25519MLKEM768": "X25519MLKEM768",
         "SecP256r1MLKEM768": "SecP256r1MLKEM768", "MLKEM768": "MLKEM768"}


def check(argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{argv[0]} failed: {done.stderr.strip()}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def raise_file_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cpu_seconds(pid):
    """User and system time of a running process and the children that it has now."""
    ticks, pids = 0, [pid]
    while pids:
        one = pids.pop()
        try:
            fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
            pids += [int(child) for child in pathlib.Path(f"/proc/{one}/task/{one}/children").read_text().split()]
        except OSError:
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


def wait_for_port(port, host="127.0.0.1"):
    for _ in range(400):
        try:
            socket.create_connection((host, port), 1).close()
            return
        except OSError:
            time.sleep(0.025)
    sys.exit(f"no server came up on port {port}")


class Server:
    """A name, a port, and the truth: only the members that the configuration settles."""

    def __init__(self, name, port, **truth):
        self.name, self.port, self.truth = name, port, truth


class Servers(contextlib.ExitStack):
    def __init__(self, folder):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.node = demo_servers.node_program(ROOT)
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        if not nginx:
            sys.exit("nginx is not installed; see bench/README.md")
        self.nginx = nginx
        self.make_certificate("rsa", ["rsa:2048"])
        self.make_certificate("ecdsa", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])

    def make_certificate(self, name, key):
        check(["openssl", "req", "-x509", "-newkey", *key, "-noenc", "-days", "30", "-keyout", str(self.folder / f"{name}.key"),
               "-out", str(self.folder / f"{name}.crt"), "-subj", f"/CN={name}.bench.invalid",
               "-addext", "subjectAltName=IP:127.0.0.1"])

    def start(self, argv, **options):
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 preexec_fn=die_with_parent, **options)
        self.callback(self.end, child)
        return child

    @staticmethod
    def end(child):
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def nginx_configuration(self, listen, workers, ssl):
        temporary = " ".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        text = f"""daemon off; pid {self.folder}/nginx-{listen.replace(':', '-')}.pid; error_log stderr crit; worker_processes {workers};
events {{ worker_connections 4096; }}
http {{ access_log off; {temporary}
  ssl_certificate {self.folder}/rsa.crt; ssl_certificate_key {self.folder}/rsa.key;
  ssl_certificate {self.folder}/ecdsa.crt; ssl_certificate_key {self.folder}/ecdsa.key; {ssl}
  server {{ listen {listen} ssl; return 200 ok; }} }}
"""
        path = self.folder / f"nginx-{listen.replace(':', '-')}.conf"
        path.write_text(text)
        return path

    def nginx_two_certificates(self):
        port = free_port()
        path = self.nginx_configuration(
            f"127.0.0.1:{port}", 1, "ssl_protocols TLSv1.2 TLSv1.3; ssl_ecdh_curve X25519:prime256v1:secp384r1; ssl_prefer_server_ciphers on;")
        self.start([self.nginx, "-p", str(self.folder), "-c", str(path)])
        wait_for_port(port)
        return Server("nginx, RSA and ECDSA", port, versions={"TLS 1.2", "TLS 1.3"}, groups={"X25519", "P-256", "P-384"},
                      preferred="X25519", certificates={"RSA", "ECDSA"}, hybrid=False)

    def openssl_old(self):
        port = free_port()
        self.start(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", f"{self.folder}/rsa.crt", "-key", f"{self.folder}/rsa.key",
                    "-www", "-quiet", "-no_tls1_3", "-min_protocol", "TLSv1", "-cipher", "ALL:@SECLEVEL=0", "-groups", "P-256:P-384",
                    "-serverpref"])
        wait_for_port(port)
        return Server("OpenSSL 3.0, TLS 1.0 to 1.2", port, versions={"TLS 1.0", "TLS 1.1", "TLS 1.2"}, groups={"P-256", "P-384"},
                      certificates={"RSA"}, hybrid=False)

    def node_servers(self):
        """OpenSSL 3.5 in Node.js: hybrid first, hybrid only, and an ML-DSA certificate."""
        if self.node is None:
            return []
        check([str(self.node), str(ROOT / "src/probe/tests/data/mldsa_certificate.cjs"), str(self.folder) + "/", "65"])
        rows = [("OpenSSL 3.5, hybrid first", "ecdsa", "X25519MLKEM768:X25519:P-256", "TLSv1.2",
                 dict(versions={"TLS 1.2", "TLS 1.3"}, groups={"X25519MLKEM768", "X25519", "P-256"}, preferred="X25519MLKEM768",
                      certificates={"ECDSA"}, hybrid=True)),
                ("OpenSSL 3.5, hybrid only", "ecdsa", "SecP256r1MLKEM768:X25519MLKEM768", "TLSv1.3",
                 dict(versions={"TLS 1.3"}, groups={"SecP256r1MLKEM768", "X25519MLKEM768"}, certificates={"ECDSA"}, hybrid=True)),
                ("OpenSSL 3.5, ML-DSA-65 certificate", "mldsa65", "X25519:P-256", "TLSv1.3",
                 dict(versions={"TLS 1.3"}, groups={"X25519", "P-256"}, preferred="X25519", certificates={"ML-DSA-65"}, hybrid=False))]
        servers, script = [], "const tls=require('tls'),fs=require('fs');\n"
        for name, certificate, groups, least, truth in rows:
            port = free_port()
            script += (f"{{const s=tls.createServer({{key:fs.readFileSync('{self.folder}/{certificate}.key'),"
                       f"cert:fs.readFileSync('{self.folder}/{certificate}.crt'),ecdhCurve:'{groups}',minVersion:'{least}'}},"
                       f"c=>{{c.on('error',()=>{{}});c.end('hi')}});s.on('tlsClientError',()=>{{}});s.listen({port},'127.0.0.1')}}\n")
            servers.append(Server(name, port, **truth))
        (self.folder / "servers.cjs").write_text(script)
        self.start([str(self.node), str(self.folder / "servers.cjs")])
        for server in servers:
            wait_for_port(server.port)
        return servers

    def ssh(self):
        home = self.folder / "ssh"
        home.mkdir()
        ssh = demo_servers.OpenSsh(ROOT, self.folder)
        lines = ["ListenAddress 127.0.0.1", "PidFile none", "UsePAM no", "PasswordAuthentication no", "PubkeyAuthentication no",
                 "KbdInteractiveAuthentication no", "MaxStartups 200", "LogLevel QUIET", *ssh.config]
        for kind, bits in (("ed25519", []), ("rsa", ["-b", "3072"]), ("ecdsa", ["-b", "256"])):
            check([ssh.keygen, "-q", "-t", kind, *bits, "-N", "", "-C", "", "-f", str(home / kind)])
            lines.append(f"HostKey {home / kind}")
        (home / "config").write_text("\n".join(lines) + "\n")
        if os.geteuid() == 0:
            os.chmod(self.folder, 0o711)
            for path in [home, *home.iterdir()]:
                os.chown(path, demo_servers.NOBODY, demo_servers.NOBODY)
        port = free_port()
        self.start([*ssh.prefix, ssh.sshd, "-D", "-e", "-f", str(home / "config"), "-p", str(port)], env=ssh.environment)
        wait_for_port(port)
        keys = {}
        for kind in ("ed25519", "rsa", "ecdsa"):
            out = subprocess.run([ssh.keygen, "-lf", str(home / f"{kind}.pub")], capture_output=True, text=True, env=ssh.environment).stdout
            keys[kind] = out.split()[1]
        says = subprocess.run([*ssh.prefix, ssh.sshd, "-T", "-f", str(home / "config")], capture_output=True, text=True,
                              env=ssh.environment).stdout
        kex = next((line.split()[1].split(",") for line in says.splitlines() if line.startswith("kexalgorithms ")), [])
        return Server("OpenSSH", port, kex=set(kex), fingerprints=set(keys.values()),
                      hybrid=any("sntrup" in k or "mlkem" in k for k in kex))

    def many_addresses(self):
        """(port, process) of nginx behind one socket that answers on every address of 127.0.0.0/8, and on none outside the machine."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
        listener.bind(("0.0.0.0", 0))
        listener.listen(4096)
        port = listener.getsockname()[1]
        path = self.nginx_configuration(f"0.0.0.0:{port}", os.cpu_count() or 1, "ssl_protocols TLSv1.2 TLSv1.3;")
        # nginx takes over a listening socket that it inherits by number.
        process = self.start([self.nginx, "-p", str(self.folder), "-c", str(path)], pass_fds=[listener.fileno()],
                             env={**os.environ, "NGINX": f"{listener.fileno()};"})
        listener.close()
        wait_for_port(port)
        return port, process

    def dead_port(self):
        """A port on every loopback address that never answers a SYN: its queue is full."""
        listener = socket.socket()
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
        listener.bind(("0.0.0.0", 0))
        listener.listen(0)
        self.callback(listener.close)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(("127.0.0.1", listener.getsockname()[1]))
            self.callback(filler.close)
        return listener.getsockname()[1]


class CountingProxy:
    """Passes connections on to a port and counts them: what a tool really used."""

    def __init__(self, onward):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port, self.onward, self.count = self.listener.getsockname()[1], onward, 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            try:
                server = socket.create_connection(("127.0.0.1", self.onward), 10)
            except OSError:
                client.close()
                continue
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        self.listener.close()
