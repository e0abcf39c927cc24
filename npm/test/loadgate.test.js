// Tests of the npm wrapper as its users have it: the command is started as a
// process and finds fake binaries, which are shell scripts in temporary folders.

'use strict';

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { afterEach, beforeEach, test } = require('node:test');

const PACKAGE = path.join(__dirname, '..');
const LIMIT_MS = 20_000;

let root;

beforeEach(() => {
  // With a space, as every path may have one.
  root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'loadgate npm-')));
});

afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

function write(file, text, mode = 0o644) {
  const full = path.join(root, file);
  fs.mkdirSync(path.dirname(full), { recursive: true });
  fs.writeFileSync(full, text, { mode });
  return full;
}

/** An executable that says which one it is and with what arguments it was started. */
function fakeBinary(file, script = `printf '%s|' "${path.basename(root)}/${file}" "$@"`) {
  return write(file, `#!/bin/sh\n${script}\n`, 0o755);
}

function manifest(folder, name = 'loadgate') {
  write(path.join(folder, 'Cargo.toml'), `[workspace]\n\n[package]\nname = "${name}"\nversion = "0.1.0"\n`);
}

/** A copy of the package away from this checkout, which has a binary of its own. */
function installPackage(folder) {
  for (const part of ['bin', 'lib', 'package.json']) {
    fs.cpSync(path.join(PACKAGE, part), path.join(root, folder, part), { recursive: true });
  }
  return path.join(root, folder, 'bin', 'loadgate.js');
}

function environment(variables) {
  const { LOADGATE_BIN, CARGO_TARGET_DIR, ...inherited } = process.env;
  return { ...inherited, PATH: '/usr/bin:/bin', ...variables };
}

function runWrapper(wrapper, { args = [], cwd = root, env = {} } = {}) {
  const options = { cwd, env: environment(env), encoding: 'utf8', timeout: LIMIT_MS };
  return spawnSync(process.execPath, [wrapper, ...args], options);
}

function assertRan(result, file) {
  assert.equal(result.stderr, '');
  assert.equal(result.stdout.split('|')[0], `${path.basename(root)}/${file}`);
  assert.equal(result.status, 0);
}

test('LOADGATE_BIN comes before a checkout and PATH, and gets the arguments unchanged', () => {
  const wrapper = installPackage('checkout/npm');
  manifest('checkout');
  fakeBinary('checkout/target/release/loadgate');
  fakeBinary('on path/loadgate');
  const chosen = fakeBinary('my bin/anything');
  const env = { LOADGATE_BIN: chosen, PATH: `${root}/on path:/usr/bin:/bin` };
  const result = runWrapper(wrapper, { args: ['run', 'a b.json', '$x', ''], env });
  assertRan(result, 'my bin/anything');
  assert.deepEqual(result.stdout.split('|').slice(1, -1), ['run', 'a b.json', '$x', '']);
});

test('a relative LOADGATE_BIN counts from the current directory', () => {
  fakeBinary('here/gate');
  const result = runWrapper(installPackage('package'), { cwd: path.join(root, 'here'), env: { LOADGATE_BIN: 'gate' } });
  assertRan(result, 'here/gate');
});

test('LOADGATE_BIN that cannot be run is an error, although PATH has a binary', () => {
  const wrapper = installPackage('package');
  fakeBinary('on path/loadgate');
  const wrong = [
    [path.join(root, 'nowhere'), /LOADGATE_BIN.*nowhere.*no such file/],
    [write('plain.txt', 'text'), /LOADGATE_BIN.*plain\.txt.*not an executable file/],
    [root, /LOADGATE_BIN.*not an executable file/],
    [wrapper, /LOADGATE_BIN.*npm wrapper/],
  ];
  for (const [value, message] of wrong) {
    const result = runWrapper(wrapper, { env: { LOADGATE_BIN: value, PATH: `${root}/on path:/usr/bin:/bin` } });
    assert.equal(result.status, 1);
    assert.match(result.stderr, message);
  }
});

test('a checkout around the package comes before one around the current directory', () => {
  const wrapper = installPackage('one/npm');
  manifest('one');
  fakeBinary('one/target/release/loadgate');
  manifest('two');
  fakeBinary('two/target/release/loadgate');
  fs.mkdirSync(path.join(root, 'two/deep/er'), { recursive: true });
  const cwd = path.join(root, 'two/deep/er');
  assertRan(runWrapper(wrapper, { cwd }), 'one/target/release/loadgate');
  assertRan(runWrapper(installPackage('elsewhere'), { cwd }), 'two/target/release/loadgate');
});

test('a linked package is looked for in its real directory', () => {
  installPackage('checkout/npm');
  manifest('checkout');
  fakeBinary('checkout/target/release/loadgate');
  fs.mkdirSync(path.join(root, 'service/node_modules/.bin'), { recursive: true });
  fs.symlinkSync('../../checkout/npm', path.join(root, 'service/node_modules/loadgate'));
  const shim = path.join(root, 'service/node_modules/.bin/loadgate');
  fs.symlinkSync('../loadgate/bin/loadgate.js', shim);
  assertRan(runWrapper(shim, { cwd: path.join(root, 'service') }), 'checkout/target/release/loadgate');
});

test('a release build comes before a debug build, which is better than none', () => {
  const wrapper = installPackage('checkout/npm');
  manifest('checkout');
  fakeBinary('checkout/target/debug/loadgate');
  assertRan(runWrapper(wrapper), 'checkout/target/debug/loadgate');
  fakeBinary('checkout/target/release/loadgate');
  assertRan(runWrapper(wrapper), 'checkout/target/release/loadgate');
});

test('CARGO_TARGET_DIR replaces the target folder of the checkout', () => {
  const wrapper = installPackage('checkout/npm');
  manifest('checkout');
  fakeBinary('checkout/target/release/loadgate');
  fakeBinary('built/release/loadgate');
  fakeBinary('checkout/out/debug/loadgate');
  assertRan(runWrapper(wrapper, { env: { CARGO_TARGET_DIR: path.join(root, 'built') } }), 'built/release/loadgate');
  assertRan(runWrapper(wrapper, { env: { CARGO_TARGET_DIR: 'out' } }), 'checkout/out/debug/loadgate');
});

test('another Rust project, and one that only depends on loadgate, are not a checkout', () => {
  const wrapper = installPackage('other/npm');
  manifest('other', 'other');
  fs.appendFileSync(path.join(root, 'other/Cargo.toml'), '\n[dependencies.x]\nname = "loadgate"\n');
  fakeBinary('other/target/release/loadgate');
  fakeBinary('on path/loadgate');
  assertRan(runWrapper(wrapper, { env: { PATH: `${root}/on path:/usr/bin:/bin` } }), 'on path/loadgate');
});

test('PATH is searched past the wrapper itself, other copies of it and their shims', () => {
  const wrapper = installPackage('package');
  const copy = installPackage('global/lib/node_modules/loadgate');
  const links = { 'linked/loadgate': wrapper, 'global/bin/loadgate': copy };
  for (const [link, target] of Object.entries(links)) {
    fs.mkdirSync(path.dirname(path.join(root, link)), { recursive: true });
    fs.chmodSync(target, 0o755);
    fs.symlinkSync(target, path.join(root, link));
  }
  fakeBinary('app/node_modules/.bin/loadgate', 'echo shim');
  fakeBinary('pnpm/loadgate', 'exec node "$basedir/global/node_modules/loadgate/bin/loadgate.js" "$@"');
  write('plain/loadgate', 'not executable');
  fs.mkdirSync(path.join(root, 'folder/loadgate'), { recursive: true });
  fakeBinary('last/loadgate');
  const folders = ['linked', 'global/bin', 'app/node_modules/.bin', 'pnpm', 'plain', 'folder', 'last'];
  const PATH = [...folders.map((folder) => path.join(root, folder)), '/usr/bin', '/bin'].join(':');
  assertRan(runWrapper(wrapper, { env: { PATH } }), 'last/loadgate');
});

/** A package for this platform, as npm installs it in a folder of node_modules. */
function platformPackage(modules) {
  const folder = path.join(modules, '@loadgate', `${process.platform}-${process.arch}`);
  write(path.join(folder, 'package.json'), '{}');
  return { binary: path.join(folder, 'bin/loadgate'), folder };
}

test('the package for this platform comes before a checkout and PATH', () => {
  const wrapper = installPackage('app/node_modules/loadgate');
  manifest('app');
  fakeBinary('app/target/release/loadgate');
  fakeBinary('on path/loadgate');
  const { binary } = platformPackage('app/node_modules');
  fakeBinary(binary);
  assertRan(runWrapper(wrapper, { env: { PATH: `${root}/on path:/usr/bin:/bin` } }), binary);
});

test('pnpm keeps it beside the real folder of the package, or among the dependencies of the project', () => {
  const store = 'app/node_modules/.pnpm/loadgate@1/node_modules';
  const wrapper = installPackage(`${store}/loadgate`);
  const own = platformPackage('app/node_modules').binary;
  fakeBinary(own);
  assertRan(runWrapper(wrapper, { cwd: path.join(root, 'app') }), own);
  const beside = platformPackage(store).binary;
  fakeBinary(beside);
  assertRan(runWrapper(wrapper, { cwd: path.join(root, 'app') }), beside);
});

test('a package whose binary is not there is passed over', () => {
  const wrapper = installPackage('app/node_modules/loadgate');
  platformPackage('app/node_modules');
  fakeBinary('on path/loadgate');
  assertRan(runWrapper(wrapper, { env: { PATH: `${root}/on path:/usr/bin:/bin` } }), 'on path/loadgate');
});

test('without a binary it says how to get one and exits 1', () => {
  const result = runWrapper(installPackage('package'));
  assert.equal(result.status, 1);
  assert.equal(result.stdout, '');
  for (const way of [/cargo build --release/, /cargo install --path \./, /LOADGATE_BIN/]) assert.match(result.stderr, way);
});

test('a platform without a package is named, and how to build for it', () => {
  const { howToGetIt } = require('../lib/find.js');
  assert.match(howToGetIt('darwin-arm64'), /no package for darwin-arm64, only for linux-x64 and linux-arm64/);
  assert.doesNotMatch(howToGetIt('darwin-arm64'), /omit=optional/);
  assert.match(howToGetIt('linux-x64'), /@loadgate\/linux-x64 is not installed/);
  assert.match(howToGetIt('linux-x64'), /omit=optional/);
  for (const platform of ['darwin-arm64', 'linux-x64']) {
    for (const line of howToGetIt(platform).split('\n')) assert.ok(line.length <= 80, line);
  }
});

test('a binary the system cannot run is reported with exit code 1', () => {
  const broken = write('broken', '#!/nowhere/interpreter\n', 0o755);
  const result = runWrapper(installPackage('package'), { env: { LOADGATE_BIN: broken } });
  assert.equal(result.status, 1);
  assert.match(result.stderr, /cannot run .*broken/);
});

test('the exit code is passed through', () => {
  const wrapper = installPackage('package');
  for (const code of [0, 1, 2, 77]) {
    const LOADGATE_BIN = fakeBinary(`exit${code}`, `exit ${code}`);
    assert.equal(runWrapper(wrapper, { env: { LOADGATE_BIN } }).status, code);
  }
});

test('standard input reaches the binary', () => {
  const LOADGATE_BIN = fakeBinary('reader', 'cat');
  const options = { env: environment({ LOADGATE_BIN }), input: 'from stdin', encoding: 'utf8', timeout: LIMIT_MS };
  const result = spawnSync(process.execPath, [installPackage('package')], options);
  assert.equal(result.stdout, 'from stdin');
});

test('the wrapper dies of the signal the binary died of', () => {
  const wrapper = installPackage('package');
  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGABRT']) {
    const LOADGATE_BIN = fakeBinary(signal, `kill -${signal.slice(3)} $$`);
    const result = runWrapper(wrapper, { env: { LOADGATE_BIN } });
    assert.deepEqual([result.status, result.signal], [null, signal]);
  }
});

/** Starts the wrapper away from any terminal and resolves when the binary says it is up. */
function startWrapper(script) {
  const LOADGATE_BIN = fakeBinary('long', script);
  const options = { env: environment({ LOADGATE_BIN }), stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS };
  const wrapper = spawn(process.execPath, [installPackage('package')], options);
  wrapper.output = '';
  const ended = new Promise((resolve) => wrapper.on('close', (code, signal) => resolve({ code, signal })));
  return new Promise((resolve) => {
    wrapper.stdout.on('data', (data) => {
      wrapper.output += data;
      if (wrapper.output.includes('up')) resolve({ wrapper, ended });
    });
  });
}

// A shell runs its traps between commands, so the wait is made of short ones.
const WAIT = 'echo up; n=0; while [ $n -lt 200 ]; do sleep 0.05; n=$((n+1)); done';

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  test(`${signal} is sent on, and the wrapper waits for what the binary makes of it`, async () => {
    const trap = `trap 'sleep 0.3; echo ${signal} handled; exit 9' ${signal.slice(3)}`;
    const { wrapper, ended } = await startWrapper(`${trap}\n${WAIT}`);
    wrapper.kill(signal);
    assert.deepEqual(await ended, { code: 9, signal: null });
    assert.match(wrapper.output, new RegExp(`${signal} handled`));
  });
}

test('a signal the binary does not handle ends both', async () => {
  const { wrapper, ended } = await startWrapper(WAIT);
  wrapper.kill('SIGTERM');
  assert.deepEqual(await ended, { code: null, signal: 'SIGTERM' });
});

/** Kills the shell of a script while the binary is up; resolves to all that the binary wrote. */
async function outputWithoutShell(variables) {
  const trap = "trap 'echo TERM handled; exit 9' TERM";
  const loop = 'echo up; n=0; while [ $n -lt 40 ]; do sleep 0.05; n=$((n+1)); done; echo finished';
  const env = { ...environment({ LOADGATE_BIN: fakeBinary('long', `${trap}\n${loop}`) }), ...variables };
  // The second command keeps the shell from becoming the first one.
  const script = `'${process.execPath}' '${installPackage('package')}'; true`;
  const shell = spawn('/bin/sh', ['-c', script], { env, stdio: ['ignore', 'pipe', 'inherit'], timeout: LIMIT_MS });
  let output = '';
  const closed = new Promise((resolve) => shell.on('close', resolve));
  shell.stdout.on('data', (data) => {
    output += data;
    if (output === 'up\n') shell.kill('SIGKILL');
  });
  await closed;
  return output;
}

test('in an npm script the binary is told when the shell of the script is gone', async () => {
  assert.equal(await outputWithoutShell({ npm_lifecycle_event: 'test:performance' }), 'up\nTERM handled\n');
});

test('elsewhere the binary outlives the shell that started it', async () => {
  assert.equal(await outputWithoutShell({ npm_lifecycle_event: '' }), 'up\nfinished\n');
});
