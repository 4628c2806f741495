"""Real servers of Debian that upgrade to TLS in their own protocol, each a process of ours on a loopback port, in a folder of its
own, ended by its pid. What a server offers is what its configuration here says. They run for root as well as for anybody else."""

import getpass
import grp
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import harness


class Skipped(Exception):
    """This server cannot run here; the text says why."""


def free_port(address="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def is_root():
    return os.getuid() == 0


def account(name):
    """The account that a server of root's drops to; the caller's own where that is not root."""
    if not is_root():
        return getpass.getuser()
    try:
        pwd.getpwnam(name)
    except KeyError as error:
        raise Skipped(f"there is no user {name}") from error
    return name


def group_of(user):
    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name


def need(*programs):
    for program in programs:
        if not shutil.which(program) and not os.path.exists(program):
            raise Skipped(f"{program} is not installed")


class Certificate:
    """A self-signed certificate for localhost and 127.0.0.1 that every server account may read."""

    def __init__(self, folder, name="peer", *key):
        self.crt, self.key = f"{folder}/{name}.crt", f"{folder}/{name}.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.key, "-out", self.crt, "-newkey", *(key or ("rsa:2048",))],
            check=True, capture_output=True)
        os.chmod(self.key, 0o644)
        der = subprocess.run(["openssl", "x509", "-in", self.crt, "-outform", "DER"], check=True, capture_output=True).stdout
        self.sha256 = subprocess.run(["sha256sum"], input=der, check=True, capture_output=True).stdout.split()[0].decode()


class Peer:
    """One running server; `ports` by name."""

    def __init__(self, name, folder, command, ports, host="127.0.0.1", **options):
        self.name, self.folder, self.ports, self.host = name, folder, ports, host
        self.log = open(f"{folder}/{name}.log", "wb")
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
                                      start_new_session=True, **options)
        try:
            harness.wait_until(self.ready, 60, f"{name} to listen")
        except BaseException:
            self.stop()
            raise

    @property
    def port(self):
        return next(iter(self.ports.values()))

    def ready(self):
        if self.child.poll() is not None:
            with open(self.log.name, errors="replace") as log:
                raise RuntimeError(f"{self.name} ended with {self.child.returncode}: {log.read()[-2000:]}")
        return all(harness.can_connect(port, self.host) for port in self.ports.values())

    def stop(self):
        # The whole session of ours: some servers leave children behind that their parent would have ended.
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.child.pid, number)
            except ProcessLookupError:
                break
            try:
                self.child.wait(10)
                if number == signal.SIGKILL:
                    break
            except subprocess.TimeoutExpired:
                continue
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def sub_folder(folder, name, owner=None):
    path = f"{folder}/{name}"
    os.makedirs(path, exist_ok=True)
    os.chmod(path, 0o755)
    if owner and is_root():
        shutil.chown(path, owner)
    return path


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o644)
    return path


def exim(folder, certificate, tls="yes"):
    """tls: "yes", "no" (not advertised), or "broken" (advertised, but the certificate is missing)."""
    need("/usr/sbin/exim4")
    user = account("Debian-exim")
    home = sub_folder(folder, f"exim-{tls}", user)
    port = free_port()
    missing = "/missing" if tls == "broken" else ""
    config = write(f"{home}/exim.conf", f"""
primary_hostname = localhost
exim_user = {user}
exim_group = {group_of(user)}
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
spool_directory = {sub_folder(home, "spool", user)}
log_file_path = {sub_folder(home, "log", user)}/%slog
pid_file_path = {home}/exim.pid
keep_environment =
tls_advertise_hosts = {"" if tls == "no" else "*"}
tls_certificate = {certificate.crt}{missing}
tls_privatekey = {certificate.key}{missing}
""")
    return Peer(f"exim-{tls}", home, ["/usr/sbin/exim4", "-C", config, "-bdf", "-q1h"], {"smtp": port})


def mail_host(folder, certificate, address, user, password, name="mail"):
    """Exim as an organisation's mail server on this address: ports `smtp` (STARTTLS) and `smtps`, takes nothing without TLS and a login,
    knows team@ and ops@example.org, and delivers what it takes into the Maildir at `maildir`, under the envelope's recipient."""
    program = shutil.which("exim4", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        raise Skipped("exim4 is not installed")
    account_name = account("Debian-exim")
    home = sub_folder(folder, name, account_name)
    ports = {"smtp": free_port(address), "smtps": free_port(address)}
    config = write(f"{home}/exim.conf", f"""
primary_hostname = mail.example
exim_user = {account_name}
exim_group = {group_of(account_name)}
exim_path = {program}
deliver_drop_privilege = true
daemon_smtp_ports = {ports["smtp"]} : {ports["smtps"]}
tls_on_connect_ports = {ports["smtps"]}
local_interfaces = {address}
spool_directory = {sub_folder(home, "spool", account_name)}
log_file_path = {sub_folder(home, "log", account_name)}/%slog
pid_file_path = {home}/exim.pid
keep_environment =
tls_advertise_hosts = *
tls_certificate = {certificate.crt}
tls_privatekey = {certificate.key}
auth_advertise_hosts = ${{if def:tls_in_cipher {{*}}{{}}}}
acl_smtp_rcpt = recipients
acl_smtp_data = accept
begin acl
recipients:
  require message = TLS and a login first
          encrypted = *
          authenticated = *
  deny message = no such mailbox here
       ! recipients = team@example.org : ops@example.org
  accept
begin routers
here:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  maildir_format
  directory = {sub_folder(home, "box", account_name)}
  envelope_to_add
  return_path_add
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
""")
    peer = Peer(name, home, [program, "-C", config, "-bdf", "-q1h"], ports, host=address)
    peer.maildir = f"{home}/box"
    return peer


def dovecot(folder, certificate):
    need("/usr/sbin/dovecot")
    home = sub_folder(folder, "dovecot")
    inside, login = account("dovecot"), account("dovenull")
    ports = {name: free_port() for name in ("imap", "pop3", "sieve", "lmtp", "imaps")}
    me = getpass.getuser()
    chroot = "" if is_root() else "chroot =\n"
    config = write(f"{home}/dovecot.conf", f"""
base_dir = {home}/run
state_dir = {home}/state
log_path = /dev/stderr
listen = 127.0.0.1
protocols = imap pop3 sieve lmtp
ssl = yes
ssl_cert = <{certificate.crt}
ssl_key = <{certificate.key}
ssl_min_protocol = TLSv1.2
default_internal_user = {inside}
default_internal_group = {group_of(inside)}
default_login_user = {login}
mail_location = maildir:{home}/mail
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={os.getuid()} gid={os.getgid()} home={home}
}}
service anvil {{
  {chroot}
}}
service stats {{
  {chroot}
}}
service imap-login {{
  {chroot}
  inet_listener imap {{
    port = {ports["imap"]}
  }}
  inet_listener imaps {{
    port = {ports["imaps"]}
    ssl = yes
  }}
}}
service pop3-login {{
  {chroot}
  inet_listener pop3 {{
    port = {ports["pop3"]}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service managesieve-login {{
  {chroot}
  inet_listener sieve {{
    port = {ports["sieve"]}
  }}
}}
service lmtp {{
  user = {me}
  inet_listener lmtp {{
    port = {ports["lmtp"]}
  }}
}}
""")
    return Peer("dovecot", home, ["/usr/sbin/dovecot", "-F", "-c", config], ports)


def vsftpd(folder, certificate, tls=True):
    need("/usr/sbin/vsftpd")
    name = "vsftpd" if tls else "vsftpd-plain"
    home = sub_folder(folder, name)
    port = free_port()
    config = write(f"{home}/vsftpd.conf", f"""listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=YES
secure_chroot_dir={sub_folder(home, "empty")}
anon_root={home}/empty
run_as_launching_user={"NO" if is_root() else "YES"}
seccomp_sandbox=NO
ssl_enable={"YES" if tls else "NO"}
rsa_cert_file={certificate.crt}
rsa_private_key_file={certificate.key}
ssl_tlsv1=NO
""")
    return Peer(name, home, ["/usr/sbin/vsftpd", config], {"ftp": port})


def slapd(folder, certificate, tls=True):
    need("/usr/sbin/slapd")
    name = "slapd" if tls else "slapd-plain"
    home = sub_folder(folder, name)
    port = free_port()
    keys = f"TLSCertificateFile {certificate.crt}\nTLSCertificateKeyFile {certificate.key}\n" if tls else ""
    config = write(f"{home}/slapd.conf", f"""include /etc/ldap/schema/core.schema
pidfile {home}/slapd.pid
argsfile {home}/slapd.args
{keys}database ldif
suffix "dc=example,dc=org"
directory {sub_folder(home, "data")}
""")
    return Peer(name, home, ["/usr/sbin/slapd", "-h", f"ldap://127.0.0.1:{port}/", "-f", config, "-d", "0"], {"ldap": port})


def prosody(folder, certificate):
    need("/usr/bin/prosody")
    home = sub_folder(folder, "prosody")
    ports = {"xmpp": free_port(), "xmpp-server": free_port()}
    config = write(f"{home}/prosody.cfg.lua", f"""
run_as_root = {"true" if is_root() else "false"}
daemonize = false
pidfile = "{home}/prosody.pid"
data_path = "{sub_folder(home, "data")}"
certificates = "{home}"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {ports["xmpp"]} }}
s2s_ports = {{ {ports["xmpp-server"]} }}
c2s_direct_tls_ports = {{ }}
s2s_direct_tls_ports = {{ }}
http_ports = {{ }}
https_ports = {{ }}
modules_enabled = {{ "tls", "saslauth", "dialback" }}
modules_disabled = {{ "posix" }}
c2s_require_encryption = true
log = {{ info = "*console" }}
ssl = {{ certificate = "{certificate.crt}"; key = "{certificate.key}"; protocol = "tlsv1_2+"; }}
VirtualHost "localhost"
VirtualHost "127.0.0.1"
""")
    return Peer("prosody", home, ["/usr/bin/prosody", "--config", config, "-F"], ports)


def mariadb(folder, certificate, tls=True):
    need("/usr/sbin/mariadbd", "mariadb-install-db")
    name = "mariadb" if tls else "mariadb-plain"
    user = account("mysql")
    home = sub_folder(folder, name, user)
    data = f"{folder}/mariadb-data"
    port = free_port()
    as_user = [f"--user={user}"] if is_root() else []
    if not os.path.exists(data):
        subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db",
                        "--auth-root-authentication-method=normal", *as_user], check=True, capture_output=True)
    keys = [f"--ssl-cert={certificate.crt}", f"--ssl-key={certificate.key}", "--tls-version=TLSv1.2,TLSv1.3"] if tls else ["--skip-ssl"]
    return Peer(name, home, ["/usr/sbin/mariadbd", "--no-defaults", f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1",
                             f"--socket={home}/sock", f"--pid-file={home}/pid", "--innodb-flush-method=fsync",
                             "--innodb-buffer-pool-size=8M", *as_user, *keys], {"mysql": port})


def postgresql(folder, certificate, tls=True):
    versions = sorted(os.listdir("/usr/lib/postgresql"), key=int) if os.path.isdir("/usr/lib/postgresql") else []
    if not versions:
        raise Skipped("postgresql is not installed")
    programs = f"/usr/lib/postgresql/{versions[-1]}/bin"
    name = "postgresql" if tls else "postgresql-plain"
    user = account("postgres")
    home = sub_folder(folder, name, user)
    data = f"{home}/data"
    port = free_port()
    options = {"user": user, "group": group_of(user), "extra_groups": [], "cwd": home} if is_root() else {}
    subprocess.run([f"{programs}/initdb", "-D", data, "-A", "trust", "-N", "--no-instructions", "-U", "postgres"], check=True,
                   capture_output=True, **options)
    keys = []
    if tls:
        shutil.copy(certificate.key, f"{data}/server.key")
        os.chmod(f"{data}/server.key", 0o600)
        if is_root():
            shutil.chown(f"{data}/server.key", user, group_of(user))
        keys = ["-c", "ssl=on", "-c", f"ssl_cert_file={certificate.crt}", "-c", "ssl_key_file=server.key"]
    return Peer(name, home, [f"{programs}/postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", home, "-F", *keys],
                {"postgresql": port}, **options)


class ScriptedNntp:
    """NNTP's STARTTLS as RFC 4642 has it, in front of Python's own TLS. Debian's inn2 cannot be installed on a machine without a
    domain name, so this one server is no program of somebody else's."""

    name = "nntp"

    def __init__(self, _folder, certificate):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.load_cert_chain(certificate.crt, certificate.key)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.ports = {"nntp": self.listener.getsockname()[1]}
        self.thread = threading.Thread(target=self.accept)
        self.thread.start()

    @property
    def port(self):
        return self.ports["nntp"]

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        peer.settimeout(20)
        lines = {b"CAPABILITIES": b"101 list follows\r\nVERSION 2\r\nREADER\r\nSTARTTLS\r\n.\r\n", b"STARTTLS": b"382 continue\r\n"}
        try:
            with peer:
                peer.sendall(b"200 scripted news\r\n")
                file = peer.makefile("rb", buffering=0)
                while line := file.readline(512):
                    command = line.strip().upper()
                    peer.sendall(lines.get(command, b"500 what?\r\n"))
                    if command == b"STARTTLS":
                        with self.context.wrap_socket(peer, server_side=True) as inside:
                            inside.recv(1)
                        return
        except OSError:
            return  # a probe that leaves in the middle of a handshake is what this server is for

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


def nntp(folder, certificate):
    return ScriptedNntp(folder, certificate)
