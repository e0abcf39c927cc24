// Writes the one comment of this gate on the pull request, or updates it. It is found by a marker that
// nobody sees. Whatever goes wrong here, the verdict stays: a notice says it.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { annotate, event, input } from './runner.mjs';
import { meaning } from './words.mjs';

/** GitHub takes 65,536 characters. */
const LONGEST = 60_000;
/** Pages of a hundred comments each that are looked through. */
const PAGES = 30;
const TIME_LIMIT_MS = 30_000;

const number = event().pull_request?.number;
if (Number.isInteger(number)) {
  try {
    await comment(number);
  } catch (error) {
    annotate('notice', `the pull request got no comment: ${error.message}`);
  }
} else {
  console.log('no pull request, no comment');
}

async function comment(number) {
  const issue = `repos/${process.env.GITHUB_REPOSITORY}/issues`;
  const marker = `<!-- loadgate: ${key()} -->`;
  const body = `${marker}\n${text()}`;
  const old = await find(`${issue}/${number}/comments`, marker);
  const place = old ? `${issue}/comments/${old.id}` : `${issue}/${number}/comments`;
  const { html_url } = await ask(old ? 'PATCH' : 'POST', place, { body });
  console.log(`${old ? 'updated' : 'written'}: ${html_url}`);
}

/** What cannot end the marker, whatever the scenario is called. */
function key() {
  const name = input('COMMENT_KEY') || `${input('MODE') || 'run'} ${input('SCENARIO')}`;
  return encodeURIComponent(name).replace(/-/g, '%2D');
}

/** Only one of this token's own: anybody can write a marker. */
async function find(comments, marker) {
  const login = await ownName();
  const isOwn = ({ user }) => (login ? user?.login === login : user?.type === 'Bot');
  for (let page = 1; page <= PAGES; page += 1) {
    const some = await ask('GET', `${comments}?per_page=100&page=${page}`);
    const found = some.find((comment) => isOwn(comment) && comment.body?.startsWith(marker));
    if (found || some.length < 100) return found;
  }
  return undefined;
}

/** The token of a workflow is nobody's, and may not ask. */
async function ownName() {
  try {
    return (await ask('GET', 'user')).login;
  } catch {
    return undefined;
  }
}

/** loadgate has escaped it: no name in it is markup or a mention. */
function text() {
  const code = Number(process.env.LOADGATE_EXIT_CODE);
  const file = path.join(process.env.LOADGATE_FOLDER || '.', 'summary.md');
  const hasReport = Boolean(process.env.LOADGATE_FOLDER) && existsSync(file);
  const report = hasReport
    ? shortened(readFileSync(file, 'utf8'))
    : `## ❌ loadgate has no result\n\nExit code ${code}: ${meaning(code)}. The log says more.\n`;
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: run } = process.env;
  const head = event().pull_request?.head?.sha ?? process.env.GITHUB_SHA ?? '';
  return `${report}\n[The log and the whole report](${server}/${repository}/actions/runs/${run}) · commit ${head.slice(0, 7)}\n`;
}

/** Cut between two lines, with what was folded out closed again. */
function shortened(report) {
  if (report.length <= LONGEST) return report;
  const kept = report.slice(0, report.lastIndexOf('\n', LONGEST) + 1);
  const open = kept.split('<details>').length - kept.split('</details>').length;
  return `${kept}\n${'</details>\n\n'.repeat(Math.max(open, 0))}*The rest is in the artefact.*\n`;
}

async function ask(method, resource, content) {
  const answer = await fetch(`${process.env.GITHUB_API_URL || 'https://api.github.com'}/${resource}`, {
    method,
    headers: {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${input('TOKEN')}`,
      'content-type': 'application/json',
      'user-agent': 'loadgate',
      'x-github-api-version': '2022-11-28',
    },
    body: content && JSON.stringify(content),
    signal: AbortSignal.timeout(TIME_LIMIT_MS),
  });
  if (answer.ok) return answer.json();
  await answer.body?.cancel();
  const hint =
    answer.status === 403 || answer.status === 404
      ? '; give the job `permissions: pull-requests: write`. A pull request from a fork cannot have it'
      : '';
  throw new Error(`${method} ${resource} was answered with ${answer.status}${hint}`);
}
