#!/usr/bin/env bash
# Packs loadgate for npm: one package with the command, and one for each platform with the
# binary, as tarballs in target/npm (or -o DIR).
#
#   scripts/pack-npm.sh                              build for this machine, and pack
#   scripts/pack-npm.sh linux-x64=PATH linux-arm64=PATH    pack binaries that are there
#
# The build is static, by the target <arch>-unknown-linux-musl. Where rustup cannot install it, or
# no compiler for it is there (apt-get install musl-tools), the script says so and builds for this
# machine's own C library instead.
# A binary must run here to write the manual and the completions; one for another machine needs
# one for this machine beside it.
set -euo pipefail
cd "$(dirname "$0")/.."

out=target/npm
binaries=()
while [ $# -gt 0 ]; do
  case "$1" in
    -o) out=${2:?a folder after -o}; shift 2 ;;
    linux-x64=* | linux-arm64=*) binaries+=("$1"); shift ;;
    -h | --help) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "pack-npm: expected -o DIR, linux-x64=PATH or linux-arm64=PATH, not: $1" >&2; exit 2 ;;
  esac
done

case "$(uname -sm)" in
  "Linux x86_64") here=linux-x64 arch=x86_64 ;;
  "Linux aarch64") here=linux-arm64 arch=aarch64 ;;
  *) echo "pack-npm: packages are built on Linux, on x86_64 or aarch64" >&2; exit 1 ;;
esac

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
packaged=$(node -p 'require("./npm/package.json").version')
if [ "$version" != "$packaged" ]; then
  echo "pack-npm: Cargo.toml says $version and npm/package.json $packaged; make them the same" >&2
  exit 1
fi

# The cryptography of TLS is C. On Alpine the usual compiler is one for musl.
has_compiler() {
  command -v musl-gcc >/dev/null || command -v "$arch-linux-musl-gcc" >/dev/null || [ -f /etc/alpine-release ]
}

# A static binary relocates itself when it starts. Packed, its 16,000 relocations are 5 kB and not 390 kB.
# musl reads them so since 1.2.4, which comes with Rust 1.93; a linker that cannot pack says so and goes on.
packs() {
  local minor
  minor=$(rustc --version | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p')
  [ "${minor:-0}" -ge 93 ]
}

# Panics name the file that they come from; where this machine keeps it takes room and is nobody's business.
shorter() {
  local registry="${CARGO_HOME:-$HOME/.cargo}/registry/src" folder flags=
  for folder in "$registry"/*/; do
    case "$folder" in *[[:space:]]*) ;; *) if [ -d "$folder" ]; then flags+=" --remap-path-prefix=$folder="; fi ;; esac
  done
  echo "$flags"
}

build() {
  local target="$arch-unknown-linux-musl"
  RUSTFLAGS="${RUSTFLAGS-}$(shorter)"
  export RUSTFLAGS
  if ! has_compiler; then
    echo "pack-npm: no C compiler for $target: apt-get install musl-tools; the binary will need this" >&2
    echo "pack-npm: machine's C library, or a newer one, wherever it runs" >&2
    cargo build --profile dist --bin loadgate >&2
    echo target/dist/loadgate
  elif rustup target list --installed 2>/dev/null | grep -qx "$target" ||
    rustup target add "$target" >&2; then
    RUSTFLAGS+=" -C link-arg=-Wl,-T,scripts/no-unwind.ld -C link-arg=-Wl,--no-eh-frame-hdr"
    if packs; then RUSTFLAGS+=" -C link-arg=-Wl,-z,pack-relative-relocs"; fi
    cargo build --profile dist --target "$target" --bin loadgate >&2
    echo "target/$target/dist/loadgate"
  else
    echo "pack-npm: the target $target cannot be installed; the binary will need this" >&2
    echo "pack-npm: machine's C library, or a newer one, wherever it runs" >&2
    cargo build --profile dist --bin loadgate >&2
    echo target/dist/loadgate
  fi
}

if [ ${#binaries[@]} -eq 0 ]; then binaries=("$here=$(build)"); fi
teller=
for named in "${binaries[@]}"; do
  if [ ! -f "${named#*=}" ]; then echo "pack-npm: there is no file ${named#*=}" >&2; exit 1; fi
  if [ "${named%%=*}" = "$here" ]; then teller=$(realpath "${named#*=}"); fi
done
if [ -z "$teller" ]; then echo "pack-npm: a binary for $here is needed, too" >&2; exit 1; fi

mkdir -p "$out"
out=$(realpath "$out")
staged=$(mktemp -d)
trap 'rm -rf "$staged"' EXIT

platform_package() {
  local platform=$1 binary=$2 folder="$staged/$1"
  mkdir -p "$folder/bin"
  install -m 755 "$binary" "$folder/bin/loadgate"
  cp LICENSE-MIT "$folder/"
  cat >"$folder/package.json" <<JSON
{
  "name": "@loadgate/$platform",
  "version": "$version",
  "description": "The loadgate binary for $platform; install the package loadgate instead",
  "license": "MIT",
  "os": ["linux"],
  "cpu": ["${platform#linux-}"],
  "files": ["bin", "LICENSE-MIT"],
  "publishConfig": { "access": "public" }
}
JSON
  (cd "$folder" && npm pack --silent --pack-destination "$out")
}

command_package() {
  local folder="$staged/loadgate"
  mkdir -p "$folder/man" "$folder/completions"
  cp -r npm/bin npm/lib npm/README.md LICENSE-MIT "$folder/"
  "$teller" man >"$folder/man/loadgate.1"
  for name in $("$teller" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    if [ "$name" != help ]; then "$teller" man "$name" >"$folder/man/loadgate-$name.1"; fi
  done
  "$teller" completions bash >"$folder/completions/loadgate.bash"
  "$teller" completions zsh >"$folder/completions/_loadgate"
  "$teller" completions fish >"$folder/completions/loadgate.fish"
  node - "$folder" <<'JS'
const fs = require('node:fs');
const folder = process.argv[2];
const own = require(`${process.cwd()}/npm/package.json`);
const { PACKAGED } = require(`${process.cwd()}/npm/lib/find.js`);
const { scripts, ...rest } = own;
const optionalDependencies = Object.fromEntries(PACKAGED.map((name) => [`@loadgate/${name}`, own.version]));
const man = fs.readdirSync(`${folder}/man`).map((page) => `./man/${page}`);
const files = [...own.files, 'completions', 'man', 'LICENSE-MIT'];
const packed = { ...rest, files, man, optionalDependencies };
fs.writeFileSync(`${folder}/package.json`, `${JSON.stringify(packed, null, 2)}\n`);
JS
  (cd "$folder" && npm pack --silent --pack-destination "$out")
}

echo "in $out:"
command_package
for named in "${binaries[@]}"; do platform_package "${named%%=*}" "${named#*=}"; done
