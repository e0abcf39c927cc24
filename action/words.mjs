// What loadgate's exit codes mean, in a few words.

const CODES = {
  0: ['pass', 'every objective is met'],
  1: ['', 'loadgate itself failed'],
  2: ['', 'the command line or the scenario is wrong'],
  3: ['slo_missed', 'an objective is missed'],
  4: ['regressed', 'slower than the baseline'],
  5: ['inconclusive', 'too little evidence for a verdict'],
  6: ['invalid', 'the run says nothing about the target'],
  7: ['target_lost', 'the target was not ready in time, or died'],
};

/** For people. */
export function meaning(code) {
  return CODES[code]?.[1] ?? `interrupted (${code})`;
}

/** The verdict that a code stands for, or nothing. */
export function verdictOf(code) {
  return CODES[code]?.[0] ?? '';
}
