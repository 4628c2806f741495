#!/bin/sh
# A PostgreSQL server of a test's own: made, started, and gone with whoever started it.
#
#   pg_cluster.sh [--tcp] [-c NAME=VALUE …]
#
# Prints `ready FOLDER PORT PROGRAMS ACCOUNT` once the server answers, then waits for the end of its standard input, which comes
# when the process that holds the other end of the pipe ends in whatever way; stops the server, and removes everything. FOLDER
# holds the socket, `data` and `log`; the superuser is `postgres`, without a password. --tcp: listens on 127.0.0.1 at PORT too.
# For root the server runs as the account postgres or nobody, for anybody else as themselves. Nothing of the system's own
# PostgreSQL service is used or disturbed. fsync is off: what must survive here is the end of processes, not of the machine.
set -eu

tcp=no
if [ "${1:-}" = --tcp ]; then tcp=yes; shift; fi

programs=
for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V); do
  if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then programs=$folder; fi
done
if [ -z "$programs" ]; then
  echo "PostgreSQL's server programs are not in /usr/lib/postgresql; install the package postgresql" >&2
  exit 1
fi

account=$(id -un)
run=
if [ "$(id -u)" = 0 ]; then
  account=nobody
  if id postgres >/dev/null 2>&1; then account=postgres; fi
  run="setpriv --reuid=$account --regid=$(id -g "$account") --clear-groups --"
fi

umask 022
folder=$(mktemp -d "${TMPDIR:-/tmp}/carnet-pg-XXXXXX")
chmod 755 "$folder"
if [ -n "$run" ]; then chown "$account" "$folder"; fi
cd "$folder"

finish() {
  trap - EXIT INT TERM HUP
  if [ -f "$folder/data/postmaster.pid" ]; then
    $run "$programs/pg_ctl" -D "$folder/data" -m immediate -s -w -t 20 stop >/dev/null 2>&1 || true
  fi
  cd /
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# English rules of sorting, as an operator may have them: a column without its own COLLATE "C" is noticed.
$run "$programs/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --locale-provider=icu --icu-locale=en-US \
  --no-sync --no-instructions >"$folder/initdb.log" 2>&1 </dev/null || { cat "$folder/initdb.log" >&2; exit 1; }

cat >>"$folder/data/postgresql.conf" <<CONF
unix_socket_directories = '$folder'
listen_addresses = ''
fsync = off
full_page_writes = off
synchronous_commit = on
wal_level = minimal
max_wal_senders = 0
max_connections = 200
shared_buffers = 32MB
jit = off
autovacuum = off
logging_collector = off
CONF
for argument in "$@"; do
  if [ "$argument" != -c ]; then echo "$argument" >>"$folder/data/postgresql.conf"; fi
done

port=5432
tries=0
while :; do
  if [ "$tcp" = yes ]; then
    # Below the range from which the kernel gives ports to those who ask for any.
    port=$(shuf -i 20000-32000 -n 1)
    printf "listen_addresses = '127.0.0.1'\nport = %s\n" "$port" >>"$folder/data/postgresql.conf"
  fi
  if $run "$programs/pg_ctl" -D "$folder/data" -l "$folder/log" -s -w -t 60 start >/dev/null 2>&1 </dev/null; then break; fi
  tries=$((tries + 1))
  if [ "$tcp" = no ] || [ "$tries" -ge 10 ]; then cat "$folder/log" >&2; exit 1; fi
done

echo "ready $folder $port $programs $account"
exec >/dev/null
cat >/dev/null
