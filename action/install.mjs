// Finds or installs loadgate: sets the output `command`.
//
// A given binary first, then what npm is told to install, then the project's own node_modules.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { fail, input, lines, output, workingDirectory, workspace } from './runner.mjs';

const command = given() ?? installed() ?? ofTheProject();
if (!command) {
  fail(
    'there is no loadgate: add the package to the project (npm install --save-dev) and run npm ci before this step, ' +
      'or name what to install with `package`, or a program with `binary`',
  );
}
const version = spawnSync(command, ['--version'], { encoding: 'utf8', timeout: 60_000 });
if (version.status !== 0) {
  fail(`${command} does not start: ${version.error?.message ?? version.stderr.trim()}`);
}
console.log(`${version.stdout.trim()}: ${command}`);
output('command', command);

function given() {
  const binary = input('BINARY');
  if (binary === '') return undefined;
  const file = path.resolve(workspace(), binary);
  return isProgram(file) ? file : fail(`\`binary\` is ${binary}, and there is no program of that name in ${workspace()}`);
}

function installed() {
  const packages = lines('PACKAGE');
  if (packages.length === 0) return undefined;
  const odd = packages.find((spec) => spec.startsWith('-'));
  if (odd) fail(`\`package\` has ${odd}, which is an option and no package`);
  const folder = mkdtempSync(path.join(process.env.RUNNER_TEMP || tmpdir(), 'loadgate-'));
  const specs = packages.map((spec) => (/^\.{0,2}\//.test(spec) ? path.resolve(workspace(), spec) : spec));
  const options = ['--prefix', folder, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'];
  const npm = spawnSync('npm', ['install', ...options, '--', ...specs], { stdio: ['ignore', 'inherit', 'inherit'] });
  const file = path.join(folder, 'node_modules/.bin/loadgate');
  if (npm.status !== 0) fail(`npm could not install ${packages.join(', ')}`);
  return isProgram(file) ? file : fail(`${packages.join(', ')} has no command loadgate`);
}

/** Workspaces keep what several packages share further up. */
function ofTheProject() {
  const top = workspace();
  for (let folder = workingDirectory(); ; folder = path.dirname(folder)) {
    const file = path.join(folder, 'node_modules/.bin/loadgate');
    if (isProgram(file)) return file;
    if (folder === top || folder === path.dirname(folder)) return undefined;
  }
}

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
