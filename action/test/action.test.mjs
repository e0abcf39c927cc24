// The action's scripts with what the runner would set: variables, files, an API on loopback, and shallow
// clones of a real repository. LOADGATE_BIN names a real loadgate; without it one test is left out.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.resolve(HERE, '../..');
const made = mkdtempSync(path.join(tmpdir(), 'loadgate-action-'));
after(() => rmSync(made, { recursive: true, force: true }));
let count = 0;

/** A workspace with an empty output file, summary and event. */
function place(happened = {}) {
  const folder = path.join(made, `place ${(count += 1)}`);
  mkdirSync(path.join(folder, 'work/scenarios'), { recursive: true });
  for (const name of ['output', 'summary']) writeFileSync(path.join(folder, name), '');
  writeFileSync(path.join(folder, 'event.json'), JSON.stringify(happened));
  return folder;
}

/** Runs one of the scripts as the runner does; nothing of this machine's own CI reaches it. */
async function script(name, folder, env = {}) {
  const own = Object.entries(process.env).filter(([key]) => !/^(GITHUB|INPUT|RUNNER|LOADGATE)_|^CI$/.test(key));
  const child = spawn(process.execPath, [path.join(ROOT, 'action', name)], {
    cwd: path.join(folder, 'work'),
    env: {
      ...Object.fromEntries(own),
      CI: 'true',
      GITHUB_WORKSPACE: path.join(folder, 'work'),
      GITHUB_EVENT_PATH: path.join(folder, 'event.json'),
      GITHUB_OUTPUT: path.join(folder, 'output'),
      GITHUB_STEP_SUMMARY: path.join(folder, 'summary'),
      GITHUB_REPOSITORY: 'shop/api',
      GITHUB_SERVER_URL: 'https://github.example',
      GITHUB_RUN_ID: '42',
      RUNNER_TEMP: folder,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  const [stdout, stderr] = ['stdout', 'stderr'].map((stream) => {
    const chunks = [];
    child[stream].on('data', (chunk) => chunks.push(chunk));
    return () => Buffer.concat(chunks).toString();
  });
  const code = await new Promise((done) => child.on('close', done));
  return { code, stdout: stdout(), stderr: stderr(), outputs: outputs(path.join(folder, 'output')) };
}

/** Reads GITHUB_OUTPUT as the runner does. */
function outputs(file) {
  const found = {};
  const lines = readFileSync(file, 'utf8').split('\n');
  while (lines.length > 1) {
    const [, name, end] = /^([^=<]+)<<(.+)$/.exec(lines.shift());
    const value = lines.splice(0, lines.indexOf(end));
    lines.shift();
    found[name] = value.join('\n');
  }
  return found;
}

/** What the runner would make of the lines: annotations, but for those between stop and resume. */
function annotations(stdout) {
  const found = [];
  let token;
  for (const line of stdout.split('\n')) {
    const stop = /^::stop-commands::(.+)$/.exec(line);
    if (token) token = line === `::${token}::` ? undefined : token;
    else if (stop) [, token] = stop;
    else if (/^::(error|warning|notice)/.test(line)) found.push(line);
  }
  assert.equal(token, undefined, 'commands work again');
  return found;
}

/** A stand-in for loadgate: what it was called with is in `called.json`. */
function standIn(folder, body) {
  const file = path.join(folder, 'loadgate');
  const start = `#!${process.execPath}
const fs = require('node:fs'), path = require('node:path');
const args = process.argv.slice(2);
if (args[0] === '--version') { console.log('loadgate 0.0.1'); process.exit(0); }
fs.writeFileSync(${JSON.stringify(path.join(folder, 'called.json'))}, JSON.stringify(args));
const out = args[args.indexOf('-o') + 1];
const run = (files) => { for (const [name, text] of Object.entries(files)) {
  const folder = path.join(out, 'api', '20260301T101500Z');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, name), text);
} };
`;
  writeFileSync(file, start + body);
  chmodSync(file, 0o755);
  return file;
}

const called = (folder) => JSON.parse(readFileSync(path.join(folder, 'called.json'), 'utf8'));
const example = (name) => readFileSync(path.join(ROOT, 'reports/example', name), 'utf8');

// ---- install ------------------------------------------------------------------------

test('a given binary is taken', async () => {
  const folder = place();
  standIn(folder, '');
  const ran = await script('install.mjs', folder, { INPUT_BINARY: '../loadgate' });
  assert.equal(ran.code, 0, ran.stdout);
  assert.equal(ran.outputs.command, path.join(folder, 'loadgate'));
});

test("the project's own is found, also further up in a workspace", async () => {
  const folder = place();
  const bin = path.join(folder, 'work/node_modules/.bin');
  mkdirSync(bin, { recursive: true });
  mkdirSync(path.join(folder, 'work/packages/api'), { recursive: true });
  cpSync(standIn(folder, ''), path.join(bin, 'loadgate'));
  const ran = await script('install.mjs', folder, { INPUT_WORKING_DIRECTORY: 'packages/api' });
  assert.equal(ran.outputs.command, path.join(bin, 'loadgate'), ran.stdout);
});

test('packages are installed outside of the project', async () => {
  const folder = place();
  const source = path.join(folder, 'work/package');
  mkdirSync(source);
  writeFileSync(path.join(source, 'package.json'), JSON.stringify({ name: 'loadgate', version: '0.0.1', bin: './loadgate' }));
  cpSync(standIn(folder, ''), path.join(source, 'loadgate'));
  const ran = await script('install.mjs', folder, { INPUT_PACKAGE: './package' });
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  assert.ok(ran.outputs.command.startsWith(path.join(folder, 'loadgate-')), ran.outputs.command);
  assert.ok(!existsSync(path.join(folder, 'work/node_modules')));
});

test('without any the error says what to do', async () => {
  const ran = await script('install.mjs', place());
  assert.equal(ran.code, 1);
  assert.match(ran.stdout, /^::error::there is no loadgate: add the package/m);
  const odd = await script('install.mjs', place(), { INPUT_PACKAGE: '--global' });
  assert.match(odd.stdout, /::error::`package` has --global, which is an option/);
  const missing = await script('install.mjs', place(), { INPUT_BINARY: 'nowhere' });
  assert.match(missing.stdout, /::error::`binary` is nowhere, and there is no program/);
});

// ---- the gate -----------------------------------------------------------------------

const gate = (folder, env) =>
  script('gate.mjs', folder, { LOADGATE_COMMAND: path.join(folder, 'loadgate'), INPUT_SCENARIO: 'scenarios/api.json', ...env });

const missed = () => {
  const summary = JSON.parse(example('summary.json'));
  summary.verdict = 'slo_missed';
  summary.exit_code = 3;
  summary.reasons = ['p95 < 200ms is missed, %: 300 ms'];
  summary.slos[0].status = 'missed';
  summary.findings = [
    { kind: 'steal', severity: 'warning', evidence: 'the machine was taken away', advice: 'a calmer time' },
    { kind: 'saturation', severity: 'note', evidence: 'the pool was full', advice: 'enlarge it' },
  ];
  return JSON.stringify(summary);
};

test('a missed objective is an error at its line, a finding a warning, and the code is kept', async () => {
  const folder = place();
  writeFileSync(path.join(folder, 'work/scenarios/api.json'), '{\n  "slo": {\n    "all": ["p95 < 200ms"]\n  }\n}\n');
  const files = { 'summary.json': missed(), 'summary.md': '## missed\n' };
  standIn(folder, `run(${JSON.stringify(files)}); process.exitCode = 3;`);
  const ran = await gate(folder, { INPUT_ARGUMENTS: '--allow-host\nstaging shop\n' });
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  assert.deepEqual(called(folder), ['run', 'scenarios/api.json', '-o', path.join(folder, 'work/reports'), '--allow-host', 'staging shop']);
  assert.equal(ran.outputs['exit-code'], '3');
  assert.equal(ran.outputs.verdict, 'slo_missed');
  assert.equal(ran.outputs.folder, path.join(folder, 'work/reports/api/20260301T101500Z'));
  assert.deepEqual(annotations(ran.stdout), [
    '::error file=scenarios/api.json::an objective is missed: p95 < 200ms is missed, %25: 300 ms',
    '::error file=scenarios/api.json,line=3::p95 < 200ms is missed',
    '::warning file=scenarios/api.json::the machine was taken away; a calmer time',
  ]);
  assert.equal(readFileSync(path.join(folder, 'summary'), 'utf8'), '## missed\n\n');
});

test('a summary that loadgate has written is not written again', async () => {
  const folder = place();
  const files = { 'summary.json': example('summary.json'), 'summary.md': '## pass\n' };
  standIn(folder, `run(${JSON.stringify(files)}); fs.appendFileSync(process.env.GITHUB_STEP_SUMMARY, '## pass\\n');`);
  const ran = await gate(folder);
  assert.equal(ran.outputs.verdict, 'pass', ran.stdout + ran.stderr);
  assert.deepEqual(annotations(ran.stdout), []);
  assert.equal(readFileSync(path.join(folder, 'summary'), 'utf8'), '## pass\n');
});

test('each mistake of a scenario is at its line and column', async () => {
  const folder = place();
  standIn(
    folder,
    `process.stderr.write('error: 2 mistakes\\nscenarios/api.json:3:47: unknown key "redy" in the target\\n  did you mean "ready"?\\nslo.json:1:2: odd, "50%"\\n');
     process.exitCode = 2;`,
  );
  const ran = await gate(folder, { INPUT_WORKING_DIRECTORY: '.' });
  assert.deepEqual(annotations(ran.stdout), [
    '::error file=scenarios/api.json,line=3,col=47::unknown key "redy" in the target; did you mean "ready"?',
    '::error file=slo.json,line=1,col=2::odd, "50%25"',
  ]);
  assert.equal(ran.outputs['exit-code'], '2');
  assert.equal(ran.outputs.folder, '');
});

test('what a target says is no command, and an inconclusive run is a warning', async () => {
  const folder = place();
  const summary = JSON.parse(example('summary.json'));
  Object.assign(summary, { verdict: 'inconclusive', reasons: ['too few\n::error::requests'] });
  standIn(
    folder,
    `console.log('::error::made up'); process.stderr.write('::error::made up\\n');
     run(${JSON.stringify({ 'summary.json': JSON.stringify(summary), 'summary.md': '' })}); process.exitCode = 5;`,
  );
  const ran = await gate(folder);
  assert.deepEqual(annotations(ran.stdout), [
    '::warning file=scenarios/api.json::too little evidence for a verdict: too few%0A::error::requests',
  ]);
});

test('a duet is told its baseline, and its candidate has the objectives', async () => {
  const folder = place();
  const comparison = JSON.parse(readFileSync(path.join(ROOT, 'tests/golden/comparison.json'), 'utf8'));
  Object.assign(comparison, { verdict: 'regressed', exit_code: 4 });
  comparison.comparison.reasons = ['p95 of response time is 18 % slower'];
  standIn(folder, `run(${JSON.stringify({ 'comparison.json': JSON.stringify(comparison) })}); process.exitCode = 4;`);
  const ran = await gate(folder, { INPUT_MODE: 'duet', LOADGATE_BASELINE: 'abc123' });
  assert.deepEqual(called(folder).slice(0, 4), ['duet', 'scenarios/api.json', '--baseline-ref', 'abc123']);
  assert.equal(
    annotations(ran.stdout)[0],
    '::error file=scenarios/api.json::slower than the baseline: p95 of response time is 18 %25 slower',
  );
});

test('a program that does not start, and a mode that is none, fail the step', async () => {
  const folder = place();
  const ran = await gate(folder, { LOADGATE_COMMAND: '/nowhere' });
  assert.equal(ran.code, 1);
  assert.match(annotations(ran.stdout)[0], /^::error::\/nowhere does not start/);
  const odd = await gate(folder, { INPUT_MODE: 'both' });
  assert.match(odd.stdout, /::error::`mode` is both; it can be run or duet/);
});

test('a real loadgate, a real verdict', { skip: !process.env.LOADGATE_BIN && 'LOADGATE_BIN is not set' }, async () => {
  const folder = place();
  const scenario = {
    name: 'api',
    target: { demo: true },
    flows: [{ name: 'a', steps: [{ name: 'list', request: 'GET /products' }] }],
    load: { stages: [{ for: '1s', rate: '50/s', warmup: true }, { for: '3s', rate: '50/s' }] },
    slo: { all: ['p95 < 1us'] },
  };
  writeFileSync(path.join(folder, 'work/scenarios/api.json'), JSON.stringify(scenario, null, 1));
  const ran = await gate(folder, { LOADGATE_COMMAND: path.resolve(ROOT, process.env.LOADGATE_BIN), INPUT_ARGUMENTS: '--quiet' });
  assert.equal(ran.outputs['exit-code'], '3', ran.stdout + ran.stderr);
  assert.match(annotations(ran.stdout).join('\n'), /::error file=scenarios\/api.json,line=\d+::p95 < 1us is missed/);
  const summary = readFileSync(path.join(folder, 'summary'), 'utf8');
  assert.equal(summary.split('SLO MISSED').length, 2, summary);
});

// ---- the merge base -----------------------------------------------------------------

const git = (cwd, ...args) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', '-c', 'commit.gpgsign=false', ...args], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();

/** A repository in which main and a branch part, and go on for so many commits each. */
function repository(folder, length, branch) {
  const origin = path.join(folder, 'origin');
  mkdirSync(origin);
  git(origin, 'init', '-q', '-b', 'main');
  git(origin, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
  const commits = (count, text) => {
    for (let i = 0; i < count; i += 1) git(origin, 'commit', '-q', '--allow-empty', '-m', `${text} ${i}`);
  };
  commits(3, 'before');
  const parted = git(origin, 'rev-parse', 'HEAD');
  git(origin, 'checkout', '-q', '-b', branch);
  commits(length, 'change');
  const head = git(origin, 'rev-parse', 'HEAD');
  git(origin, 'checkout', '-q', 'main');
  commits(length, 'later');
  return { origin, parted, head, main: git(origin, 'rev-parse', 'HEAD') };
}

/** As actions/checkout does it with its default of one commit. */
function checkedOut(folder, origin, commit) {
  const work = path.join(folder, 'work');
  git(work, 'init', '-q');
  git(work, 'remote', 'add', 'origin', pathToFileURL(origin).href);
  git(work, 'fetch', '-q', '--no-tags', '--depth=1', 'origin', commit);
  git(work, 'checkout', '-q', '--detach', 'FETCH_HEAD');
  return work;
}

const pull = (base) => ({ pull_request: { number: 7, base: { ref: base }, head: { sha: 'f'.repeat(40) } } });

test('a shallow clone of a pull request is deepened until the merge base is there', async () => {
  const folder = place(pull('main'));
  const { origin, parted, head } = repository(folder, 14, 'x$(touch${IFS}made)');
  const work = checkedOut(folder, origin, head);
  const ran = await script('merge-base.mjs', folder);
  assert.equal(ran.outputs.ref, parted, ran.stdout + ran.stderr);
  assert.match(ran.stdout, /10 more commits are fetched\n.*40 more commits/);
  assert.equal(git(work, 'cat-file', '-t', parted), 'commit');
});

test('of the merge that GitHub makes, the merge base is the tip of the base branch', async () => {
  const folder = place(pull('main'));
  const { origin, head, main } = repository(folder, 4, 'change');
  git(origin, 'merge', '-q', '--no-ff', '-m', 'merge', head);
  const merge = git(origin, 'rev-parse', 'HEAD');
  git(origin, 'update-ref', 'refs/pull/7/merge', merge);
  git(origin, 'reset', '-q', '--hard', main);
  checkedOut(folder, origin, 'refs/pull/7/merge');
  const ran = await script('merge-base.mjs', folder);
  assert.equal(ran.outputs.ref, main, ran.stdout + ran.stderr);
});

test('a base branch with a hostile name is one word for git', async () => {
  const hostile = 'x;touch${IFS}made;`touch${IFS}made`';
  const folder = place(pull(hostile));
  const { origin, head, parted } = repository(folder, 2, 'change');
  git(origin, 'branch', hostile, 'main');
  const work = checkedOut(folder, origin, head);
  const ran = await script('merge-base.mjs', folder);
  assert.equal(ran.outputs.ref, parted, ran.stdout + ran.stderr);
  assert.ok(!existsSync(path.join(work, 'made')));
});

test('a push is compared with the commit before it, which is fetched', async () => {
  const folder = place();
  const { origin, parted, main } = repository(folder, 3, 'change');
  writeFileSync(path.join(folder, 'event.json'), JSON.stringify({ before: parted, after: main }));
  const work = checkedOut(folder, origin, main);
  const ran = await script('merge-base.mjs', folder);
  assert.equal(ran.outputs.ref, parted, ran.stdout + ran.stderr);
  assert.equal(git(work, 'cat-file', '-t', parted), 'commit');
});

test('the first push of a branch is compared with where it left the default branch', async () => {
  const folder = place({ before: '0'.repeat(40), repository: { default_branch: 'main' } });
  const { origin, parted, head } = repository(folder, 2, 'change');
  checkedOut(folder, origin, head);
  const ran = await script('merge-base.mjs', folder, { GITHUB_REF: 'refs/heads/change' });
  assert.equal(ran.outputs.ref, parted, ran.stdout + ran.stderr);
});

test('a named ref is taken: a branch, a tag, and no option', async () => {
  const folder = place();
  const { origin, head, parted } = repository(folder, 2, 'change');
  git(origin, 'tag', 'v1', parted);
  checkedOut(folder, origin, head);
  const ran = await script('merge-base.mjs', folder, { INPUT_BASELINE_REF: 'v1' });
  assert.equal(ran.outputs.ref, parted, ran.stdout + ran.stderr);
  const none = await script('merge-base.mjs', folder, { INPUT_BASELINE_REF: 'v2' });
  assert.equal(none.code, 1);
  assert.match(none.stdout, /::error::v2 is not in this repository, and could not be fetched/);
  const odd = await script('merge-base.mjs', folder, { INPUT_BASELINE_REF: '--upload-pack=touch made' });
  assert.match(odd.stdout, /::error::--upload-pack=touch made is an option and no commit/);
});

test('histories without a commit in common, and an event that names none, say what to do', async () => {
  const folder = place(pull('main'));
  const { origin } = repository(folder, 1, 'change');
  git(origin, 'checkout', '-q', '--orphan', 'other');
  git(origin, 'commit', '-q', '--allow-empty', '-m', 'alone');
  checkedOut(folder, origin, git(origin, 'rev-parse', 'HEAD'));
  const ran = await script('merge-base.mjs', folder);
  assert.match(ran.stdout, /::error::this and main have no commit in common/);
  writeFileSync(path.join(folder, 'event.json'), '{}');
  const manual = await script('merge-base.mjs', folder);
  assert.match(manual.stdout, /::error::nothing says what to compare with.*baseline-ref/);
});

// ---- the comment --------------------------------------------------------------------

/** GitHub, as far as the comment needs it. `status` is what writing is answered with. */
async function github(comments, { status = 200, login } = {}) {
  const asked = [];
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks)) : undefined;
      asked.push({ method: request.method, url: request.url, body, authorization: request.headers.authorization });
      const answer = (code, content) => response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(content));
      if (request.url === '/user') return login ? answer(200, { login }) : answer(403, {});
      if (request.method === 'GET') {
        const page = Number(new URL(request.url, 'http://x').searchParams.get('page'));
        return answer(200, comments.slice((page - 1) * 100, page * 100));
      }
      return answer(status, { html_url: 'https://github.example/c' });
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  return { asked, address: `http://127.0.0.1:${port}`, end: () => new Promise((done) => server.close(done)) };
}

async function comment(folder, comments, env = {}, options = {}) {
  const api = await github(comments, options);
  const ran = await script('comment.mjs', folder, {
    GITHUB_API_URL: api.address,
    INPUT_TOKEN: 'secret-token',
    INPUT_SCENARIO: 'scenarios/api.json',
    LOADGATE_FOLDER: path.join(ROOT, 'reports/example'),
    LOADGATE_EXIT_CODE: '0',
    ...env,
  });
  await api.end();
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  return { ...ran, asked: api.asked, written: api.asked.find(({ method }) => method !== 'GET') };
}

const MARKER = '<!-- loadgate: run%20scenarios%2Fapi.json -->';
const bot = { type: 'Bot', login: 'github-actions[bot]' };

test('the first run writes a comment', async () => {
  const { written, stdout } = await comment(place(pull('main')), []);
  assert.equal(`${written.method} ${written.url}`, 'POST /repos/shop/api/issues/7/comments');
  assert.equal(written.authorization, 'Bearer secret-token');
  assert.ok(written.body.body.startsWith(`${MARKER}\n## ✅ PASS: quickstart\n`));
  assert.ok(written.body.body.includes('(https://github.example/shop/api/actions/runs/42) · commit fffffff'));
  assert.ok(!stdout.includes('secret-token'));
});

test('later runs update it, wherever it is, and no one else’s', async () => {
  const others = Array.from({ length: 130 }, (_, id) => ({ id, user: { type: 'User', login: 'x' }, body: `${MARKER}\nmine` }));
  const comments = [...others, { id: 999, user: bot, body: `${MARKER}\nold` }];
  const { written } = await comment(place(pull('main')), comments);
  assert.equal(`${written.method} ${written.url}`, 'PATCH /repos/shop/api/issues/comments/999');
});

test('a personal token updates what its owner wrote', async () => {
  const comments = [bot, { type: 'User', login: 'ann' }].map((user, id) => ({ id, user, body: `${MARKER}\nold` }));
  const { written } = await comment(place(pull('main')), comments, {}, { login: 'ann' });
  assert.equal(written.url, '/repos/shop/api/issues/comments/1');
});

test('another gate has a comment of its own', async () => {
  const comments = [{ id: 1, user: bot, body: `${MARKER}\nold` }];
  for (const env of [{ INPUT_MODE: 'duet' }, { INPUT_COMMENT_KEY: 'a --> <b>' }]) {
    const { written } = await comment(place(pull('main')), comments, env);
    assert.equal(written.method, 'POST');
    assert.match(written.body.body, /^<!-- loadgate: [\w.%]+ -->\n/);
  }
});

test('a token that may not write is a notice', async () => {
  const { stdout } = await comment(place(pull('main')), [], {}, { status: 403 });
  assert.match(stdout, /^::notice::the pull request got no comment: POST .* 403; give the job `permissions: pull-requests: write`/m);
});

test('an API that is not there is a notice', async () => {
  const { stdout } = await comment(place(pull('main')), [], { GITHUB_API_URL: 'http://127.0.0.1:9' });
  assert.match(stdout, /^::notice::the pull request got no comment/m);
});

test('a push has no pull request, and asks nobody', async () => {
  const { asked } = await comment(place({ before: 'a' }), []);
  assert.deepEqual(asked, []);
});

test('without a report the comment says what the code means, so that no old verdict stays', async () => {
  const { written } = await comment(place(pull('main')), [], { LOADGATE_FOLDER: '', LOADGATE_EXIT_CODE: '2' });
  assert.match(written.body.body, /loadgate has no result\n\nExit code 2: the command line or the scenario is wrong/);
});

test('a report that is too long is cut between lines', async () => {
  const folder = place(pull('main'));
  writeFileSync(path.join(folder, 'summary.md'), `<details>\n${'a line of it\n'.repeat(10_000)}</details>\n`);
  const { written } = await comment(folder, [], { LOADGATE_FOLDER: folder });
  const { body } = written.body;
  assert.ok(body.length < 65_536, body.length);
  assert.match(body, /a line of it\n\n<\/details>\n\n\*The rest is in the artefact.\*/);
});
