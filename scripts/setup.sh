# shellcheck shell=bash
# Sourced by ./run and ./test: brings what they need onto the machine, and builds. Needs $root, the repository's folder.
#
#   setup_packages FILE…   Debian packages of the lists, only what is missing
#   setup_npm run|test     node_modules of third_party/npm; `run` takes only what the demonstration needs
#   setup_build TESTS [ninja target …]  configures build/$preset (the caller's; release unless set) and builds; TESTS: ON, or
#                                       `keep` (see there)

: "${root:?the caller sets root}"

say() { printf 'carnet: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Prints the Debian release, 12 or 13, or stops with a sentence.
setup_release() {
  local id='' version='' like=''
  if [ -r /etc/os-release ]; then
    # shellcheck disable=SC1091
    id=$(. /etc/os-release && echo "${ID:-}")
    # shellcheck disable=SC1091
    version=$(. /etc/os-release && echo "${VERSION_ID:-}")
    # shellcheck disable=SC1091
    like=$(. /etc/os-release && echo "${PRETTY_NAME:-unknown}")
  fi
  if [ "$id" = debian ] && { [ "$version" = 12 ] || [ "$version" = 13 ]; }; then
    echo "$version"
    return
  fi
  die "this is ${like:-not Debian}; ./run and ./test install packages on Debian 12 and 13 only.
        Elsewhere install the equivalents of scripts/packages-*.txt, then set CARNET_SKIP_PACKAGES=1."
}

# Prints the package names in the lists that count on release $1.
setup_list() {
  local release=$1
  shift
  sed -e 's/#.*//' -e "s/^@$release //" -e '/^@/d' -e 's/[[:space:]]//g' -e '/^$/d' "$@"
}

setup_packages() {
  if [ "${CARNET_SKIP_PACKAGES:-}" = 1 ]; then return; fi
  local release wanted installed missing
  release=$(setup_release)
  wanted=$(setup_list "$release" "$@" | sort -u)
  installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^[ih]i[^ ]* *//p' | sort -u)
  # grep's own 1 means that nothing is missing.
  missing=$(printf '%s\n' "$wanted" | grep -vxF -e "$installed" || [ $? -eq 1 ])
  if [ -z "$missing" ]; then return; fi
  say "installing Debian packages:" "$(printf '%s' "$missing" | tr '\n' ' ')"
  # The names are words without spaces.
  # shellcheck disable=SC2086
  setup_as_root "$root/scripts/apt-install.sh" $missing ||
    die "the packages above are needed; install them and start again."
}

setup_as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    if ! sudo -n true 2>/dev/null && [ ! -t 0 ]; then
      die "sudo wants a password and there is no terminal to ask on. Run this once from a terminal, or as root."
    fi
    sudo -- "$@"
  else
    die "packages are missing and this user is neither root nor has sudo. As root:
        $*"
  fi
}

setup_npm() {
  local want=$1 dir=$root/third_party/npm stamp have sum omit=()
  stamp=$dir/node_modules/.carnet
  sum=$(sha256sum < "$dir/package-lock.json" | cut -d' ' -f1)
  have=$(cat "$stamp" 2>/dev/null || true)
  # What the tests need includes what a run needs.
  if [ "$have" = "test $sum" ] || [ "$have" = "$want $sum" ]; then return; fi
  # The Node.js in package.json is for x86-64. Elsewhere the build still needs the sources beside it, and ./run says which
  # demonstration server is missing.
  if [ "$(uname -m)" != x86_64 ]; then omit+=(--force); fi
  if ! command -v npm >/dev/null; then
    say "installing Debian's nodejs and npm"
    setup_as_root "$root/scripts/apt-install.sh" nodejs npm || die "npm is needed; install it and start again."
  fi
  if [ "$want" = run ]; then omit+=(--omit=dev); fi
  say "npm ci in third_party/npm"
  (
    cd "$dir"
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error "${omit[@]}" >&2
  ) || die "npm ci failed; the lines above say why. Is there a network? npm config set proxy … sets a proxy."
  printf '%s %s\n' "$want" "$sum" > "$stamp"
}

# As many compilers at once as there are cores, but not more than the memory holds (one needs up to 1.2 GB).
setup_jobs() {
  local cores memory_mb jobs
  cores=$(nproc)
  memory_mb=$(awk '/^MemAvailable:/ {print int($2 / 1024)}' /proc/meminfo)
  jobs=$((memory_mb / 1200))
  if [ "$jobs" -gt "$cores" ]; then jobs=$cores; fi
  if [ "$jobs" -lt 1 ]; then jobs=1; fi
  echo "$jobs"
}

# TESTS=ON configures with the tests. TESTS=keep leaves an existing configuration as it is, so that ./run and ./test can
# take turns in one build folder without either undoing the other's work; a fresh folder then gets tests only if their
# libraries are there.
setup_build() {
  local tests=$1 wanted=${preset:-release} cache home dir
  dir=$root/build/$wanted
  shift
  cache=$dir/CMakeCache.txt
  if [ -f "$cache" ]; then
    home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$cache")
    if [ "$home" != "$root" ]; then
      say "build/$wanted belongs to $home; starting it afresh"
      rm -rf "$dir"
    fi
  fi
  if [ "$tests" = keep ]; then
    tests=OFF
    if [ -f /usr/include/gtest/gtest.h ]; then tests=ON; fi
    if [ -f "$cache" ] && [ -f "$dir/build.ninja" ]; then tests=''; fi
  elif [ -f "$dir/build.ninja" ] && grep -q "^CARNET_BUILD_TESTS:BOOL=$tests\$" "$cache"; then
    tests=''
  fi
  if [ -n "$tests" ]; then
    say "configuring build/$wanted"
    mkdir -p "$dir"
    (cd "$root" && cmake --preset "$wanted" -DCARNET_BUILD_TESTS="$tests") > "$dir/configure.log" 2>&1 || {
      cat "$dir/configure.log" >&2
      die "configuring failed; the lines above say why."
    }
  fi
  ninja -C "$dir" -j "$(setup_jobs)" "$@" >&2 || die "the build failed; the lines above say why."
}
