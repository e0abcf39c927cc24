#!/usr/bin/env node
// Plays the first five minutes of a new user, twice: a Fastify project with npm, and one in
// TypeScript in a pnpm workspace whose path has blanks and 商店 in it. There is no Rust on the
// PATH: loadgate comes from the tarballs of scripts/pack-npm.sh. Once the project exists, three
// commands lead to a verdict; each is timed.
//
//   scripts/pack-npm.sh && node scripts/five-minutes.mjs target/npm
//   node scripts/five-minutes.mjs target/npm --short --only npm
//
// --short loads for seconds and asks little of the machine, for a test of loadgate itself.
// Needs the npm registry, for Fastify, tsx and pnpm.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

const LIMIT_MS = 300_000;
const GOAL_S = 300;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: 'boolean' }, only: { type: 'string' }, keep: { type: 'boolean' } },
});
const folder = positionals[0];
if (folder === undefined || !fs.existsSync(folder)) {
  console.error('usage: node scripts/five-minutes.mjs FOLDER_OF_TARBALLS [--short] [--only npm|pnpm] [--keep]');
  process.exit(2);
}
const platform = `loadgate-${process.platform}-${process.arch}-`;
const all = fs.readdirSync(folder).filter((name) => name.endsWith('.tgz'));
const tarballs = all
  .filter((name) => /^loadgate-\d/.test(name) || name.startsWith(platform))
  .map((name) => path.resolve(folder, name));
if (tarballs.length !== 2) {
  console.error(`${folder} must have two tarballs, loadgate and ${platform}*; scripts/pack-npm.sh packs them`);
  process.exit(2);
}

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'loadgate-five-')));
const home = path.join(root, 'home');
const tools = path.join(root, 'tools');
for (const made of [home, tools]) fs.mkdirSync(made);
const environment = cleanEnvironment();

/** What a machine has that has Node and no Rust; npm's cache is the user's own. */
function cleanEnvironment() {
  const has = (where, name) => fs.existsSync(path.join(where, name));
  const folders = process.env.PATH.split(path.delimiter).filter((where) => where !== '');
  const without = folders.filter((where) => !has(where, 'loadgate') && (!has(where, 'cargo') || has(where, 'sh')));
  // Where cargo lies beside the shell, this one is found first.
  fs.writeFileSync(path.join(tools, 'cargo'), '#!/bin/sh\nexit 127\n', { mode: 0o755 });
  const own = [tools, path.join(tools, 'node_modules/.bin'), path.dirname(process.execPath)];
  const PATH = [...own, ...without].join(path.delimiter);
  const kept = ['LANG', 'TMPDIR', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'NODE_EXTRA_CA_CERTS'];
  const cache = process.env.npm_config_cache ?? path.join(os.homedir(), '.npm');
  const env = { PATH, HOME: home, npm_config_cache: cache, npm_config_audit: 'false', npm_config_fund: 'false' };
  env.npm_config_update_notifier = 'false';
  for (const name of Object.keys(process.env)) {
    if (kept.includes(name.toUpperCase()) || /^npm_config_.*(registry|proxy|ca)/i.test(name)) env[name] = process.env[name];
  }
  return env;
}

function run(cwd, command, args) {
  const begin = process.hrtime.bigint();
  const result = spawnSync(command, args, { cwd, env: environment, encoding: 'utf8', timeout: LIMIT_MS });
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  if (result.status !== 0) {
    const why = result.error?.message ?? `exit code ${result.status}`;
    throw new Error(`${command} ${args.join(' ')}: ${why}\n${result.stdout}\n${result.stderr}`);
  }
  return { seconds, output: result.stdout };
}

function write(file, text) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}

const ROUTES = `
app.get('/health', async () => ({ ok: true }));
app.get('/products', async () => [{ id: 1, name: '商店' }]);
app.get('/products/:id', async (request) => ({ id: request.params.id }));
await app.listen({ port: Number(process.env.PORT ?? 3000) });
`;

/** An own project, as it is before anybody thinks of load. */
function npmProject() {
  const project = path.join(root, 'shop');
  fs.mkdirSync(project);
  run(project, 'npm', ['init', '--yes']);
  run(project, 'npm', ['pkg', 'set', 'type=module', 'scripts.start=node server.js']);
  run(project, 'npm', ['install', 'fastify']);
  write(path.join(project, 'server.js'), `import Fastify from 'fastify';\nconst app = Fastify();\n${ROUTES}`);
  return project;
}

function pnpmProject() {
  run(tools, 'npm', ['install', '--prefix', tools, 'pnpm@10']);
  const workspace = path.join(root, 'my work 商店');
  const project = path.join(workspace, 'packages/shop api');
  write(path.join(workspace, 'package.json'), '{\n  "name": "work",\n  "private": true\n}\n');
  write(path.join(workspace, 'pnpm-workspace.yaml'), "packages:\n  - 'packages/*'\n");
  const manifest = { name: '@work/shop', type: 'module', scripts: { start: 'tsx src/server.ts' } };
  write(path.join(project, 'package.json'), `${JSON.stringify(manifest, null, '\t')}\n`);
  const typed = ROUTES.replace('(request)', '(request: { params: unknown })')
    .replace('request.params.id', '(request.params as { id: string }).id');
  write(path.join(project, 'src/server.ts'), `import Fastify from 'fastify';\nconst app = Fastify();\n${typed}`);
  run(project, 'pnpm', ['add', 'fastify']);
  run(project, 'pnpm', ['add', '--save-dev', 'tsx']);
  return project;
}

/** A load of seconds, which certifies little. */
function shorten(project) {
  const file = path.join(project, 'scenarios/api.json');
  const scenario = JSON.parse(fs.readFileSync(file, 'utf8'));
  for (const stage of scenario.load.stages) Object.assign(stage, { for: stage.warmup ? '1s' : '4s', rate: '30/s' });
  scenario.slo = { all: ['p95 < 5s', 'server_error_rate < 10%'] };
  fs.writeFileSync(file, JSON.stringify(scenario, null, 2));
}

const KINDS = {
  npm: {
    make: npmProject,
    commands: [
      ['npm', ['install', '--save-dev', ...tarballs]],
      ['npx', ['loadgate', 'init', '--yes']],
      ['npm', ['run', 'test:performance']],
    ],
  },
  pnpm: {
    make: pnpmProject,
    commands: [
      ['pnpm', ['add', '--save-dev', ...tarballs]],
      ['pnpm', ['exec', 'loadgate', 'init', '--yes']],
      ['pnpm', ['run', 'test:performance']],
    ],
  },
};

function play(kind) {
  const { make, commands } = KINDS[kind];
  const project = make();
  const shown = (args) => args.map((arg) => (tarballs.includes(arg) ? path.basename(arg) : arg)).join(' ');
  console.log(`\n${kind}: in ${project}`);
  let whole = 0;
  for (const [command, args] of commands) {
    const { seconds, output } = run(project, command, args);
    whole += seconds;
    console.log(`\n$ ${command} ${shown(args)}   (${seconds.toFixed(1)} s)\n${output.trim()}`);
    if (options.short && args.includes('init')) shorten(project);
  }
  const report = fs.readdirSync(path.join(project, 'reports')).map((name) => path.join(project, 'reports', name, 'latest/report.html'));
  if (!report.some((file) => fs.existsSync(file))) throw new Error(`no report in ${project}/reports`);
  console.log(`\n${kind}: a verdict after ${commands.length} commands and ${whole.toFixed(0)} s (goal: ${GOAL_S} s)`);
  if (whole > GOAL_S) throw new Error(`${kind}: it took longer than ${GOAL_S} s`);
}

const rust = spawnSync('cargo', ['--version'], { env: environment });
if (rust.status !== 127) throw new Error('there must be no cargo on the PATH of this trial');
try {
  for (const kind of options.only ? [options.only] : Object.keys(KINDS)) play(kind);
} finally {
  if (options.keep) console.log(`kept: ${root}`);
  else fs.rmSync(root, { recursive: true, force: true });
}
