// Finds what a duet compares with: sets the output `ref`, a commit that is there.
//
// Of a pull request, where it and the branch that it goes into have parted. Of a push, the commit that
// the branch was at before. A shallow clone is deepened until that commit is there, up to a bound.

import { spawnSync } from 'node:child_process';

import { event, fail, input, output, workingDirectory } from './runner.mjs';

/** Commits that each fetch adds: some 20,000 in all. */
const STEPS = [10, 40, 150, 800, 4_000, 15_000];
const NO_COMMIT = /^0*$/;

const wanted = wish();
const commit = wanted.commit ? reach(wanted.commit) : meet(wanted.branch);
console.log(`compared with ${git('log', '-1', '--format=%h %s', commit).out} (${wanted.why})`);
output('ref', commit);

/** Which commit, or which branch to look for the merge base with. */
function wish() {
  const named = input('BASELINE_REF');
  if (named !== '') return { commit: named, why: 'baseline-ref' };
  const happened = event();
  if (happened.pull_request) return { branch: happened.pull_request.base.ref, why: 'the merge base' };
  const before = happened.before ?? '';
  if (!NO_COMMIT.test(before)) return { commit: before, why: 'the commit before this push' };
  const main = happened.repository?.default_branch;
  if (main && process.env.GITHUB_REF !== `refs/heads/${main}`) return { branch: main, why: 'the merge base' };
  return fail('nothing says what to compare with: neither a pull request nor a push; name it with `baseline-ref`');
}

/** A commit, a tag or a branch that was named. */
function reach(name) {
  if (name.startsWith('-')) fail(`${name} is an option and no commit`);
  const there = () => commitOf(name) ?? commitOf(`refs/remotes/origin/${name}`);
  const found = there();
  if (found) return found;
  // Whatever it is, its own commit is enough: a duet needs its files, not its history.
  const fetched = git('fetch', '--no-tags', '--depth=1', 'origin', name);
  const commit = fetched.ok ? commitOf('FETCH_HEAD') : undefined;
  return commit ?? fail(`${name} is not in this repository, and could not be fetched: ${fetched.error}`);
}

/** Where HEAD and a branch have parted. */
function meet(branch) {
  const remote = `refs/remotes/origin/${branch}`;
  // What a pull request's branch is called is in the hands of whoever opened it; git gets it as one word.
  const refspec = `+refs/heads/${branch}:${remote}`;
  const head = commitOf('HEAD') ?? fail('there is no checkout here; use actions/checkout before this step');
  const shallow = () => git('rev-parse', '--is-shallow-repository').out === 'true';
  const first = git('fetch', '--no-tags', ...(shallow() ? ['--depth=1'] : []), 'origin', refspec);
  if (!first.ok) fail(`the branch ${branch} could not be fetched: ${first.error}`);
  for (const step of [0, ...STEPS]) {
    if (step > 0) {
      if (!shallow()) break;
      console.log(`the clone is shallow: ${step} more commits are fetched`);
      const deeper = git('fetch', '--no-tags', `--deepen=${step}`, 'origin', refspec, head);
      if (!deeper.ok) git('fetch', '--no-tags', `--deepen=${step}`, 'origin', refspec);
    }
    const base = git('merge-base', head, remote);
    if (base.ok) return base.out;
  }
  return fail(
    shallow()
      ? `no merge base with ${branch} within ${STEPS.reduce((a, b) => a + b)} commits; set fetch-depth: 0 for actions/checkout, or name a commit with \`baseline-ref\``
      : `this and ${branch} have no commit in common; name one with \`baseline-ref\``,
  );
}

function commitOf(name) {
  const found = git('rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`);
  return found.ok ? found.out : undefined;
}

/** No shell, no question, and an end. */
function git(...args) {
  const ran = spawnSync('git', args, {
    cwd: workingDirectory(),
    encoding: 'utf8',
    env: { ...process.env, GIT_TERMINAL_PROMPT: '0' },
    timeout: 600_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  const error = ran.error?.message ?? ran.stderr.trim().split('\n').at(-1);
  return { ok: ran.status === 0, out: (ran.stdout ?? '').trim(), error };
}
