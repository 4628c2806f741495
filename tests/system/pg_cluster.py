"""A PostgreSQL server of a test's own, made by tests/support/pg_cluster.sh: gone with the test, however that ends. What the C++
tests have in tests/support/pg_cluster.h."""

import os
import pathlib
import subprocess

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "support" / "pg_cluster.sh"


class Cluster:
    """`with Cluster() as cluster:`. `settings` are lines of postgresql.conf; tcp=True: listens on 127.0.0.1:port as well."""

    def __init__(self, *settings, tcp=False):
        arguments = [str(SCRIPT), *(["--tcp"] if tcp else [])]
        for setting in settings:
            arguments += ["-c", setting]
        # Its standard input is the lifeline: closed with this process.
        self.script = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        line = self.script.stdout.readline().split()
        if len(line) != 5 or line[0] != "ready":
            self.script.wait(60)
            raise RuntimeError("pg_cluster.sh gave no server; its words are above")
        _, self.folder, port, self.programs, self.account = line
        self.port, self.tcp, self.sequence = int(port), tcp, 0
        self.sql("postgres", "CREATE ROLE carnet LOGIN CREATEROLE")

    def environment(self, user="postgres"):
        return {**os.environ, "PGHOST": self.folder, "PGPORT": str(self.port), "PGUSER": user}

    def sql(self, database, text, user="postgres"):
        """Runs statements; gives what psql prints, unaligned: a row a line, columns parted by |."""
        return subprocess.run([f"{self.programs}/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", text], check=True,
                              env=self.environment(user), stdout=subprocess.PIPE, text=True).stdout.rstrip("\n")

    def create_database(self):
        """An empty one, owned by the role `carnet`, which is no superuser; gives its name."""
        self.sequence += 1
        name = f"t{self.sequence}"
        self.sql("postgres", f"CREATE DATABASE {name} TEMPLATE template0 OWNER carnet")
        return name

    def url(self, database, port=None):
        """For --database; `port`: through whatever listens there on 127.0.0.1 instead of the server itself."""
        host = "127.0.0.1" if port or self.tcp else self.folder
        return f"postgresql://carnet@/{database}?host={host}&port={port or self.port}"

    def pg_ctl(self, *arguments):
        """`pg_ctl` on this server as its account: ("stop", "-m", "immediate"), ("start",)."""
        account = [] if os.getuid() else ["setpriv", f"--reuid={self.account}", f"--regid={self._group()}", "--clear-groups", "--"]
        subprocess.run([*account, f"{self.programs}/pg_ctl", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-s", "-w",
                        "-t", "60", *arguments], check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def _group(self):
        return subprocess.run(["id", "-g", self.account], check=True, capture_output=True, text=True).stdout.strip()

    def stop(self):
        self.script.stdin.close()
        self.script.wait(60)
        self.script.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
