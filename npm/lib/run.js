// Owns running the binary so that whoever started the wrapper cannot tell the
// difference: same standard streams, same signals, same exit code.

'use strict';

const { spawn } = require('node:child_process');
const os = require('node:os');

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const DEATH_LIMIT_MS = 1000;
const ORPHAN_CHECK_MS = 500;

/** Runs `binary` and ends this process as the binary ended. */
function run(binary, args) {
  // Before the start, too: the shell may be gone before the binary has begun.
  const parent = process.ppid;
  let child = null;
  const forward = (signal) => {
    if (!childHasItAlready(signal)) child.kill(signal);
  };
  // Before the start: a signal between the two would end the wrapper alone and
  // leave the binary running without it.
  for (const signal of FORWARDED) process.on(signal, forward);
  child = spawn(binary, args, { stdio: 'inherit' });
  endWithScript(child, parent);
  child.on('error', (error) => fail(binary, error));
  child.on('exit', (code, signal) => {
    for (const name of FORWARDED) process.removeListener(name, forward);
    if (signal === null) process.exit(code);
    else dieOf(signal);
  });
}

/**
 * A terminal sends Ctrl-C to the binary as well as to the wrapper. Sending it on
 * would be a second Ctrl-C, which tells many programs to stop without a report.
 */
function childHasItAlready(signal) {
  const onTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
  return signal === 'SIGINT' && onTerminal;
}

/**
 * A cancelled `npm run` ends the shell of the script and nobody else, and the load
 * would go on without anybody waiting for its result. A change of parents shows it.
 * Outside of npm scripts it shows nothing: with nohup it is on purpose.
 */
function endWithScript(child, parent) {
  if (!process.env.npm_lifecycle_event) return;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    child.kill('SIGTERM');
  }, ORPHAN_CHECK_MS);
  timer.unref();
}

function fail(binary, error) {
  process.stderr.write(`loadgate: cannot run ${binary}: ${error.message}\n`);
  process.exit(1);
}

/** Dies of the signal the binary died of, so that a shell sees the same. */
function dieOf(signal) {
  process.kill(process.pid, signal);
  // Some signals do not end Node; then the number a shell would show has to do.
  setTimeout(() => process.exit(128 + os.constants.signals[signal]), DEATH_LIMIT_MS);
}

module.exports = { run };
