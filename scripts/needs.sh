# What the tests need besides Rust: sourced by scripts/test.sh, or by itself: bash scripts/needs.sh
# What is missing is installed by apt, as root or with a sudo that asks nothing, and Node.js from npm into
# target/tools/node where apt has an old one only. Otherwise it is named, with how to get it, and the
# script ends. Sets CHROME_BIN and PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

node_place="$PWD/target/tools/node"
[ -x "$node_place/node_modules/.bin/node" ] && export PATH="$node_place/node_modules/.bin:$PATH"

# Command, package of Debian and Ubuntu, how to get it otherwise.
needs() {
  cat <<'END'
git|git|https://git-scm.com
node|nodejs|Node.js 20.19 or newer: https://nodejs.org
npm|npm|it comes with Node.js: https://nodejs.org
cc|gcc|a C compiler
script|bsdutils|script(1)
prlimit|util-linux|prlimit(1) and unshare(1)
ip|iproute2|ip(8)
END
}

has() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1; }

browser() { # prints a Chromium that starts; Ubuntu's package of that name only points to a snap
  local name
  for name in "${CHROME_BIN:-}" chromium chromium-browser google-chrome; do
    [ -n "$name" ] && command -v "$name" >/dev/null 2>&1 && "$name" --version >/dev/null 2>&1 || continue
    command -v "$name"
    return
  done
  return 1
}

node_is_new() {
  has node && node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
}

has_nats() { has nats-server || [ -x target/tools/bin/nats-server ]; }

has_postgres() { # the servers of Debian and Ubuntu are not in PATH
  has postgres && has initdb && has psql && return
  local found=(/usr/lib/postgresql/*/bin/postgres)
  [ -x "${found[0]}" ]
}

missing_packages() {
  local command package how
  while IFS='|' read -r command package how; do
    has "$command" || echo "$package"
  done < <(needs)
  has_postgres || echo postgresql
  browser >/dev/null || echo chromium
}

as_root() { # as_root COMMAND...
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

by_apt() { # by_apt PACKAGE...
  has apt-get || return 0
  if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
    echo "to install what is missing: sudo apt-get install --no-install-recommends $*" >&2
    return 0
  fi
  echo "== installing $*"
  as_root apt-get update -q >&2 || true
  local package
  # One that cannot be had keeps no other away.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2 ||
    for package in "$@"; do
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$package" >&2 || true
    done
}

# shellcheck disable=SC2046
[ -z "$(missing_packages)" ] || by_apt $(missing_packages)
if has npm && ! node_is_new; then
  echo "== installing Node.js into target/tools/node: the tests need 20.19 or newer"
  mkdir -p "$node_place"
  npm install --prefix "$node_place" --no-audit --no-fund --loglevel=error node@22 >&2 || true
  export PATH="$node_place/node_modules/.bin:$PATH"
fi

if ! has_nats && has go; then
  echo "== installing nats-server into target/tools/bin: tests of several generators need one"
  mkdir -p target/tools/bin
  GOBIN="$PWD/target/tools/bin" go install github.com/nats-io/nats-server/v2@v2.15.3 >&2 || true
fi

lacking=0
lacks() { # lacks WHAT HOW-TO-GET-IT
  echo "missing: $1; $2" >&2
  lacking=1
}
has cargo || lacks cargo "install Rust 1.89 or newer: https://rustup.rs"
has_nats || lacks nats-server "go install github.com/nats-io/nats-server/v2@v2.15.3 into target/tools/bin or the PATH (https://github.com/nats-io/nats-server/releases)"
while IFS='|' read -r command package how; do
  has "$command" || lacks "$command" "apt-get install $package ($how)"
done < <(needs)
has_postgres || lacks postgresql "apt-get install postgresql (14 or newer), or put initdb, postgres and psql into PATH"
! has node || node_is_new || lacks "node 20.19" "this is $(node --version): https://nodejs.org"
CHROME_BIN=$(browser) || lacks chromium "apt-get install chromium, or set CHROME_BIN to a Chromium that starts"
export CHROME_BIN
[ "$lacking" = 0 ] || exit 1
