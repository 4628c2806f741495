#!/usr/bin/env bash
# apt-install.sh PACKAGE…: installs Debian packages. Must run as root; scripts/setup.sh calls it, with sudo where needed.
#
# It never starts a service of the machine: nginx and openssh-server are installed for their programs only, so while apt
# runs a policy-rc.d that forbids starting stands in /usr/sbin, unless the administrator already has one.
set -euo pipefail

policy=/usr/sbin/policy-rc.d
made_policy=no
cleanup() { if [ "$made_policy" = yes ]; then rm -f "$policy"; fi; }
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# One installation at a time on this machine, so that two clones can be set up at once.
exec 9>/run/carnet-setup.lock
if ! flock -n 9; then
  echo "carnet: another set-up is installing packages; waiting for it" >&2
  flock 9
fi

missing=()
for package in "$@"; do
  status=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
  case "$status" in
    ii*|hi*) ;;
    *) missing+=("$package") ;;
  esac
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

if [ ! -e "$policy" ]; then
  made_policy=yes
  printf '#!/bin/sh\n# made by carnet/scripts/apt-install.sh for the time of one installation\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
# The lock's file descriptor must not live on in anything that apt starts.
apt() { apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@" 9>&-; }

update() {
  echo "carnet: apt-get update" >&2
  if ! apt update >&2; then
    echo "carnet: apt-get update failed. Is there a network, and are /etc/apt/sources.list* right?" >&2
    exit 1
  fi
}

# The package lists are fetched only if they do not know a package, or if what they name is no longer there.
known() { apt install --simulate --no-install-recommends "${missing[@]}" >/dev/null 2>&1; }
if ! known; then
  update
  if ! known; then
    echo "carnet: apt cannot install these packages together: ${missing[*]}" >&2
    apt install --simulate --no-install-recommends "${missing[@]}" >&2 || true
    exit 1
  fi
fi
if ! apt install --no-install-recommends "${missing[@]}" >&2; then
  update
  if ! apt install --no-install-recommends "${missing[@]}" >&2; then
    echo "carnet: apt-get could not install: ${missing[*]}" >&2
    exit 1
  fi
fi
