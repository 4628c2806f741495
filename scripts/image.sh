#!/usr/bin/env bash
# image.sh: builds packaging/docker/Dockerfile for real, without a daemon and without a registry, and looks at what came out.
#
# ./test --image calls it, as root, with buildah and debootstrap installed. The image that the Dockerfile begins FROM is made by
# debootstrap from this machine's own Debian mirror under that name, so it is a little larger than the published one. Everything is
# in build/image and is thrown away with that folder; nothing of the machine is changed.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
place=$root/build/image
base=docker.io/library/debian:12-slim
image=localhost/carnet:test

say() { printf 'carnet: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
store=(--root "$place/storage" --runroot "$place/run")
in_store() { buildah "${store[@]}" "$@"; }

[ "$(id -u)" -eq 0 ] || die "an image is built here with the rights of root; ./test --image asks sudo for them."

# The mirror that this machine's own apt uses for Debian's main archive.
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(SITE) $(ORIGIN) $(LABEL)' 'Created-By: Packages' |
  awk '$2 == "Debian" && $3 == "Debian" {print $1; exit}')
[ -n "$mirror" ] || die "apt knows no Debian mirror; is there one in /etc/apt/sources.list*, and was apt-get update run?"

mkdir -p "$place"
if ! in_store inspect --type image "$base" >/dev/null 2>&1; then
  say "making $base with debootstrap"
  rm -rf --one-file-system "$place/base"
  debootstrap --variant=minbase bookworm "$place/base" "$mirror" >&2
  # As the published image: no cache of packages. And what this machine needs to reach the network.
  rm -rf "$place"/base/var/cache/apt/archives/*.deb "$place"/base/var/lib/apt/lists/*
  apt-config dump | grep -E '^Acquire::https?::Proxy' > "$place/base/etc/apt/apt.conf.d/90outside" || true
  made=$(in_store from scratch)
  in_store copy --quiet "$made" "$place/base" / >/dev/null
  in_store config --cmd bash "$made"
  in_store commit --quiet --rm "$made" "$base" >/dev/null
  rm -rf --one-file-system "$place/base"
fi

# npm's certificates, proxy and registry are this machine's; the file stands where npm ci runs.
{
  for name in cafile proxy https-proxy registry; do
    value=$(npm config get "$name" 2>/dev/null || true)
    case "$value" in '' | null | undefined) continue ;; esac
    if [ "$name" = cafile ]; then
      cp "$value" "$place/authorities.pem"
      value=/etc/outside.pem
    fi
    printf '%s=%s\n' "$name" "$value"
  done
} > "$place/npmrc"
[ -e "$place/authorities.pem" ] || cp /etc/ssl/certs/ca-certificates.crt "$place/authorities.pem"

# The sources as they are in the work tree, without what was built.
rm -rf "$place/context"
mkdir "$place/context"
git -c safe.directory="$root" -C "$root" ls-files -z --cached --others --exclude-standard |
  tar -C "$root" --null --files-from=- --ignore-failed-read -cf - | tar -C "$place/context" -xpf -

say "building $image; the first time takes about half an hour"
in_store build --isolation chroot --network host --pull-never --layers --format docker --tag "$image" \
  --volume "$place/npmrc:/src/third_party/npm/.npmrc:ro" --volume "$place/authorities.pem:/etc/outside.pem:ro" \
  --file "$place/context/packaging/docker/Dockerfile" "$place/context" >&2

exec python3 "$root/tests/system/image_check.py" "$image" "$place" "${store[@]}"
