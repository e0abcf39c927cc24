// Owns where the loadgate binary is looked for: LOADGATE_BIN, then the package for
// this platform, then a built checkout of loadgate around this package or around the
// current directory, then PATH. The first that has it wins.

'use strict';

const fs = require('node:fs');
const path = require('node:path');

const EXE = process.platform === 'win32' ? 'loadgate.exe' : 'loadgate';
const PROFILES = ['release', 'debug'];
const WRAPPER = path.join('bin', 'loadgate.js');
const HEAD_BYTES = 4096;
const PLATFORM = `${process.platform}-${process.arch}`;
/** Those that have a package with a binary, @loadgate/<platform>. */
const PACKAGED = ['linux-x64', 'linux-arm64'];

/** Its message is for the user: what was wrong and what to do. */
class NotFound extends Error {}

/** The path of the binary to run; throws NotFound. */
function findBinary(env = process.env, cwd = process.cwd()) {
  const found = fromVariable(env, cwd) ?? fromPackage(cwd) ?? fromCheckouts(env, cwd) ?? fromPath(env, cwd);
  if (found === null) throw new NotFound(howToGetIt());
  return found;
}

function howToGetIt(platform = PLATFORM) {
  const packaged = PACKAGED.includes(platform);
  const why = packaged
    ? `the package @loadgate/${platform} is not installed`
    : `there is no package for ${platform}, only for ${PACKAGED.join(' and ')}`;
  const install = `
  - install again without --omit=optional or --no-optional; where a lockfile of
    another platform leaves it out: npm install --save-dev loadgate`;
  return `loadgate: the loadgate binary was not found:
${why}.
One of these provides it:${packaged ? install : ''}
  - in a checkout of loadgate, which needs Rust: cargo build --release
  - on the PATH: cargo install --path . (in a checkout of loadgate)
  - anywhere else: set LOADGATE_BIN to the path of the binary`;
}

/**
 * The binary of the package for this platform: beside this package, where package
 * managers put optional dependencies, or among the project's own dependencies.
 */
function fromPackage(cwd, platform = PLATFORM) {
  try {
    const manifest = require.resolve(`@loadgate/${platform}/package.json`, { paths: [__dirname, cwd] });
    const binary = path.join(path.dirname(manifest), 'bin', EXE);
    return isExecutable(binary) ? binary : null;
  } catch {
    return null;
  }
}

/** Who sets LOADGATE_BIN wants that binary, so a wrong value is an error and not skipped. */
function fromVariable(env, cwd) {
  if (!env.LOADGATE_BIN) return null;
  const file = path.resolve(cwd, env.LOADGATE_BIN);
  const complain = (what) => new NotFound(`loadgate: LOADGATE_BIN is set to ${env.LOADGATE_BIN}, but ${what}`);
  if (!fs.existsSync(file)) throw complain('there is no such file');
  if (!isExecutable(file)) throw complain('it is not an executable file');
  if (isWrapper(file)) throw complain('that is the npm wrapper and not the binary');
  return file;
}

function fromCheckouts(env, cwd) {
  // npm links a "file:" dependency, so the real directory may lie in a checkout
  // although the path through node_modules does not.
  const starts = [fs.realpathSync(__dirname), cwd];
  for (const folder of starts.flatMap(ancestors)) {
    if (!isCheckout(folder)) continue;
    const built = builtIn(folder, env);
    if (built !== null) return built;
  }
  return null;
}

/** The folder itself and all above it, the nearest first. */
function ancestors(folder) {
  const above = path.dirname(folder);
  return above === folder ? [folder] : [folder, ...ancestors(above)];
}

function isCheckout(folder) {
  const manifest = readText(path.join(folder, 'Cargo.toml'));
  if (manifest === null) return false;
  const sections = manifest.split(/^[ \t]*(?=\[)/m);
  const section = sections.find((text) => /^\[package\]/.test(text)) ?? '';
  return /^[ \t]*name[ \t]*=[ \t]*["']loadgate["']/m.test(section);
}

function builtIn(checkout, env) {
  const target = path.resolve(checkout, env.CARGO_TARGET_DIR || 'target');
  const files = PROFILES.map((profile) => path.join(target, profile, EXE));
  return files.find(isExecutable) ?? null;
}

function fromPath(env, cwd) {
  const folders = (env.PATH ?? env.Path ?? '').split(path.delimiter).filter((folder) => folder !== '');
  const files = folders.map((folder) => path.resolve(cwd, folder, EXE));
  return files.find((file) => isExecutable(file) && !isWrapper(file)) ?? null;
}

function isExecutable(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * True for this script, for another installation of it, and for what package
 * managers put in front of it. Running one of those would only look for the
 * binary again, without end if two of them find each other.
 */
function isWrapper(file) {
  const real = fs.realpathSync(file);
  return [file, real].some(isInNodeModulesBin) || real.endsWith(path.sep + WRAPPER) || isShimScript(real);
}

function isInNodeModulesBin(file) {
  return path.dirname(file).endsWith(path.join('node_modules', '.bin'));
}

/** pnpm and others write a shell script that names the script it starts. */
function isShimScript(file) {
  const head = readHead(file);
  return head.startsWith('#!') && head.includes('bin/loadgate.js');
}

function readHead(file) {
  const buffer = Buffer.alloc(HEAD_BYTES);
  let descriptor;
  try {
    descriptor = fs.openSync(file, 'r');
  } catch {
    // A binary may be executable without being readable; a script may not.
    return '';
  }
  try {
    return buffer.toString('latin1', 0, fs.readSync(descriptor, buffer, 0, HEAD_BYTES, 0));
  } finally {
    fs.closeSync(descriptor);
  }
}

function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

module.exports = { findBinary, howToGetIt, NotFound, PACKAGED };
