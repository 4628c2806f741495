#!/usr/bin/env bash
# debian13.sh [argument of ./test …]: runs ./test in a Debian 13 root of its own, where ML-KEM and ML-DSA come from OpenSSL 3.5.
#
# ./test --debian13 calls it, as root. The root is made by debootstrap from this machine's own Debian mirror, kept in
# build/debian13 for the next time, and thrown away with that folder. Nothing of the machine is changed: the root has a mount
# namespace of its own, which ends with this script.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
suite=trixie
place=$root/build/debian13
inside=$place/root
copy=$inside/carnet

say() { printf 'carnet: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

[ "$(id -u)" -eq 0 ] || die "a root made by debootstrap needs the rights of root; ./test --debian13 asks sudo for them."
if [ "${1:-}" != --in-namespace ]; then
  exec unshare --mount --propagation private "$0" --in-namespace "$@"
fi
shift

# The mirror that this machine's own apt uses for Debian's main archive.
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(SITE) $(ORIGIN) $(LABEL)' 'Created-By: Packages' |
  awk '$2 == "Debian" && $3 == "Debian" {print $1; exit}')
[ -n "$mirror" ] || die "apt knows no Debian mirror; is there one in /etc/apt/sources.list*, and was apt-get update run?"

if [ ! -e "$place/.made" ]; then
  say "making a Debian 13 root in build/debian13"
  rm -rf --one-file-system "$inside"
  mkdir -p "$inside"
  debootstrap --variant=minbase "$suite" "$inside" "$mirror" >&2
  touch "$place/.made"
fi
# What this machine needs to reach the network, the root needs as well.
apt-config dump | grep -E '^Acquire::https?::Proxy' > "$inside/etc/apt/apt.conf.d/90outside" || true
cp -L /etc/resolv.conf "$inside/etc/resolv.conf"

mount -t proc proc "$inside/proc"
mount --rbind /dev "$inside/dev"

# The sources as they are in the work tree, without what was built; what was built in the root before stays.
mkdir -p "$copy"
find "$copy" -mindepth 1 -maxdepth 1 ! -name build ! -name third_party -exec rm -rf {} +
git -c safe.directory="$root" -C "$root" ls-files -z --cached --others --exclude-standard |
  tar -C "$root" --null --files-from=- --ignore-failed-read -cf - | tar -C "$copy" -xpf -
if [ ! -e "$copy/third_party/npm/node_modules/.carnet" ] ||
  ! cmp -s "$root/third_party/npm/node_modules/.carnet" "$copy/third_party/npm/node_modules/.carnet"; then
  rm -rf "$copy/third_party/npm/node_modules"
  cp -a "$root/third_party/npm/node_modules" "$copy/third_party/npm/"
fi
if [ -d "$root/../shared/vectors" ]; then
  mkdir -p "$inside/shared"
  cp -a "$root/../shared/vectors" "$inside/shared/"
fi

say "running ./test $* on Debian 13, and the scan of Carnet by Carnet"
# shellcheck disable=SC2016
exec chroot "$inside" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
  /bin/bash -c 'cd /carnet && failed=0; ./test "$@" || failed=$?
    ctest --test-dir build/release --output-on-failure --no-tests=error -R "^system\.tls\$" || failed=$?
    exit $failed' bash "$@"
