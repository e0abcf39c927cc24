// Runs loadgate, and says on the pull request's lines what is wrong: sets the outputs `exit-code`,
// `verdict` and `folder`. It ends well whatever the verdict: the step after the comment has the exit code.

import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';

import { annotate, fail, input, lines, output, stopCommands, workingDirectory, workspace } from './runner.mjs';
import { meaning, verdictOf } from './words.mjs';

/** GitHub shows ten annotations of a step. */
const MOST = 10;
/** Of what loadgate says on standard error, enough for all mistakes of a scenario. */
const KEPT = 256 * 1024;

const place = workingDirectory();
const reports = path.resolve(place, input('OUTPUT') || 'reports');
const before = new Set(folders());
const summaryBefore = summarySize();
const { code, said } = await loadgate();
const folder = folders().filter((found) => !before.has(found)).at(-1);
const results = folder ? read(folder) : undefined;
if (folder && summarySize() === summaryBefore) summarise(folder);
annotations().slice(0, MOST).forEach(({ level, text, at }) => annotate(level, text, at));
output('exit-code', code);
output('verdict', results?.verdict ?? '');
output('folder', folder ?? '');

/** Its output is seen as it comes. Some of it is the target's, so no line of it is a command. */
async function loadgate() {
  const resume = stopCommands();
  const child = spawn(process.env.LOADGATE_COMMAND, words(), { cwd: place, stdio: ['ignore', 'inherit', 'pipe'] });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    process.stderr.write(text);
    if (said.length < KEPT) said += text;
  });
  const [code, signal, error] = await new Promise((done) => {
    child.on('error', (error) => done([1, null, error]));
    child.on('close', (code, signal) => done([code, signal]));
  });
  resume();
  if (error) fail(`${process.env.LOADGATE_COMMAND} does not start: ${error.message}`);
  return { code: code ?? 128 + (constants.signals[signal] ?? 0), said };
}

function words() {
  const mode = input('MODE') || 'run';
  const more = lines('ARGUMENTS');
  const common = ['-o', reports, ...more];
  // A file's name never passes for an option.
  const scenario = input('SCENARIO').replace(/^-/, './-');
  if (mode === 'run') return ['run', scenario, ...common];
  if (mode === 'duet') return ['duet', scenario, '--baseline-ref', process.env.LOADGATE_BASELINE, ...common];
  return fail(`\`mode\` is ${mode}; it can be run or duet`);
}

/** The run folders, the oldest first: their names are times. */
function folders() {
  const below = (folder) => (existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : []);
  const scenarios = below(reports).filter((entry) => entry.isDirectory());
  const runs = scenarios.flatMap(({ name }) => {
    const found = below(path.join(reports, name)).filter((entry) => entry.isDirectory());
    return found.map((entry) => path.join(reports, name, entry.name));
  });
  return runs.sort((a, b) => path.basename(a).localeCompare(path.basename(b)));
}

function read(folder) {
  for (const name of ['comparison.json', 'summary.json']) {
    const file = path.join(folder, name);
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'));
  }
  return undefined;
}

function summarySize() {
  const file = process.env.GITHUB_STEP_SUMMARY;
  return file && existsSync(file) ? statSync(file).size : 0;
}

/** loadgate itself writes the job's summary; this is for one that did not. */
function summarise(folder) {
  const [file, summary] = [process.env.GITHUB_STEP_SUMMARY, path.join(folder, 'summary.md')];
  if (file && existsSync(summary)) appendFileSync(file, `${readFileSync(summary, 'utf8')}\n`);
}

/** What belongs to a line of a file, or at least to the scenario. */
function annotations() {
  const scenario = { file: path.relative(workspace(), path.resolve(place, input('SCENARIO'))) };
  const mistakes = code === 2 ? mistakesOf(said) : [];
  if (mistakes.length > 0) return mistakes;
  const level = verdictOf(code) === 'inconclusive' ? 'warning' : 'error';
  if (!results) {
    return code === 0 ? [] : [{ level, text: `${meaning(code)}: ${firstError(said)}`, at: scenario }];
  }
  const { slos, findings, reasons } = parts(results);
  const verdict = code === 0 ? [] : [{ level, text: `${meaning(code)}: ${reasons.join('; ')}`, at: scenario }];
  const missed = slos.filter((slo) => slo.status === 'missed').map((slo) => ({
    level: 'error',
    text: `${slo.step ? `${slo.step}: ` : ''}${slo.text} is missed`,
    at: { ...scenario, line: lineOf(slo.text) },
  }));
  const doubts = findings.filter((finding) => finding.severity !== 'note').map((finding) => ({
    level: 'warning',
    text: [finding.evidence, finding.advice].filter(Boolean).join('; '),
    at: scenario,
  }));
  return [...verdict, ...missed, ...doubts];
}

/** The same parts of a run and of a duet, whose objectives are the candidate's. */
function parts(results) {
  const compared = results.comparison ?? results;
  const slos = results.comparison?.candidate?.slos ?? results.slos ?? [];
  return { slos, findings: compared.findings ?? [], reasons: compared.reasons ?? [] };
}

/** `scenarios/api.json:3:47: unknown key "redy"`, and what to do on the next line. */
function mistakesOf(said) {
  const found = [];
  for (const line of plain(said).split('\n')) {
    const mistake = /^(?:error: )?(.+?):(\d+):(\d+): (.+)$/.exec(line);
    if (mistake) {
      const [, file, row, col, text] = mistake;
      const name = path.relative(workspace(), path.resolve(place, file));
      found.push({ level: 'error', text, at: { file: name, line: row, col } });
    } else if (line.startsWith('  ') && found.length > 0) {
      found.at(-1).text += `; ${line.trim()}`;
    }
  }
  return found;
}

function firstError(said) {
  const line = plain(said).split('\n').find((line) => line.startsWith('error: '));
  return line?.slice('error: '.length) ?? 'see the log';
}

function plain(said) {
  // eslint-disable-next-line no-control-regex
  return said.replace(/\u001b\[[0-9;]*[A-Za-z]/g, '').replace(/\r/g, '\n');
}

/** The line of the scenario that an objective stands in; one from another file has none. */
function lineOf(objective) {
  const file = path.resolve(place, input('SCENARIO'));
  if (!existsSync(file)) return undefined;
  const at = readFileSync(file, 'utf8').split('\n').findIndex((line) => line.includes(objective));
  return at < 0 ? undefined : at + 1;
}
