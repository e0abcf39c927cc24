// What the runner of GitHub Actions gives a script, and takes from it: inputs, outputs, the event, and
// the commands that are lines of standard output. Nothing else here knows how these are written.

import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** An input, which action.yml puts into the environment. */
export function input(name) {
  return (process.env[`INPUT_${name}`] ?? '').trim();
}

/** An input that is a list, one on each line. */
export function lines(name) {
  return input(name)
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** The folder of the checkout. */
export function workspace() {
  return path.resolve(process.env.GITHUB_WORKSPACE || '.');
}

/** The folder that loadgate runs in. */
export function workingDirectory() {
  return path.resolve(workspace(), input('WORKING_DIRECTORY') || '.');
}

/** What has happened: the webhook's own text, or nothing. */
export function event() {
  const file = process.env.GITHUB_EVENT_PATH;
  return file ? JSON.parse(readFileSync(file, 'utf8')) : {};
}

/** Sets an output of the step. The value cannot end itself: nobody knows its last line before. */
export function output(name, value) {
  const file = process.env.GITHUB_OUTPUT;
  if (!file) return;
  const end = `end_${randomBytes(16).toString('hex')}`;
  appendFileSync(file, `${name}<<${end}\n${value}\n${end}\n`);
}

const data = (text) => String(text).replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
const property = (text) => data(text).replace(/:/g, '%3A').replace(/,/g, '%2C');

/** An annotation: `level` is error, warning or notice. `place` may have file, line and col. */
export function annotate(level, text, place = {}) {
  const known = Object.entries(place).filter(([, value]) => value !== undefined && value !== '');
  const where = known.map(([key, value]) => `${key}=${property(value)}`).join(',');
  process.stdout.write(`::${level}${where ? ` ${where}` : ''}::${data(text)}\n`);
}

/** Until the returned function is called, no line of the output is a command: it may be anybody's. */
export function stopCommands() {
  const token = randomBytes(16).toString('hex');
  process.stdout.write(`::stop-commands::${token}\n`);
  return () => process.stdout.write(`\n::${token}::\n`);
}

/** Ends the step with what is wrong. */
export function fail(text) {
  annotate('error', text);
  process.exit(1);
}
