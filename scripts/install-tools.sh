#!/usr/bin/env bash
# Installs the load generators that scripts/cost.py, scripts/truth.py and scripts/gate.py
# compare with, servers to load, and a linter of workflows:
#   bash scripts/install-tools.sh [FOLDER]        (default: target/tools)
# nginx, wrk, h2load, hey by apt; oha by cargo, autocannon by npm, and k6, vegeta,
# nats-server and actionlint by go, all of these into FOLDER.
# What is there already is left alone. What could not be installed is named at the end;
# the scripts then do without it.
set -uo pipefail
cd "$(dirname "$0")/.."
folder=${1:-target/tools}
mkdir -p "$folder/bin"
folder=$(cd "$folder" && pwd)
missing=()

by_apt() { # by_apt COMMAND PACKAGE
  PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null && return
  apt-cache show "$2" >/dev/null 2>&1 || apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >&2 ||
    missing+=("$1 (apt-get install $2)")
}

by_cargo() { # by_cargo COMMAND
  [ -x "$folder/bin/$1" ] && return
  cargo install "$1" --locked --root "$folder" || missing+=("$1 (cargo install $1)")
}

by_npm() { # by_npm COMMAND
  [ -x "$folder/bin/$1" ] && return
  npm install --prefix "$folder/npm" --no-audit --no-fund --loglevel=error "$1" &&
    ln -sf "../npm/node_modules/.bin/$1" "$folder/bin/$1" || missing+=("$1 (npm install $1)")
}

by_go() { # by_go COMMAND MODULE...    the first of them that can be had
  local command=$1 module
  shift
  [ -x "$folder/bin/$command" ] && return
  command -v go >/dev/null || { missing+=("$command (go is not there: https://go.dev/dl)"); return; }
  for module in "$@"; do
    GOBIN="$folder/bin" go install "$module" && return
  done
  missing+=("$command (go install $1)")
}

by_apt nginx nginx-light
by_apt wrk wrk
by_apt h2load nghttp2-client
by_apt hey hey
by_npm autocannon
by_cargo oha
by_go k6 go.k6.io/k6/v2@latest go.k6.io/k6@latest
by_go vegeta github.com/tsenart/vegeta/v12@latest
by_go actionlint github.com/rhysd/actionlint/cmd/actionlint@latest
by_go nats-server github.com/nats-io/nats-server/v2@v2.15.1

for tool in "${missing[@]}"; do echo "not installed: $tool" >&2; done
echo "tools of this machine are in $folder/bin; the scripts look there and on the PATH"
[ "${#missing[@]}" = 0 ]
