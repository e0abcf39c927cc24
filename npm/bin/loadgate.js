#!/usr/bin/env node
// The `loadgate` command of the npm package: finds the loadgate binary and
// becomes it, as far as a parent process can.

'use strict';

const { findBinary, NotFound } = require('../lib/find.js');
const { run } = require('../lib/run.js');

try {
  run(findBinary(), process.argv.slice(2));
} catch (error) {
  if (!(error instanceof NotFound)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
