#!/usr/bin/env python3
"""Writes tests/golden/history.json: what an implementation of E-divisive that shares no
line with src/analysis/history.rs says of made-up histories. It takes every mean of
distances by itself, straight from the definition, so it is slow. The permutations are
the same, as both draw them from SplitMix64. Needs numpy; fixed seed.
usage: scripts/golden_history.py > tests/golden/history.json"""
import json

import numpy as np

MASK = (1 << 64) - 1
LEVEL, PERMUTATIONS, SHORTEST, FLOOR = .01, 199, 3, .05


class SplitMix64:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def shuffled(self, values):
        values = list(values)
        for last in range(len(values) - 1, 0, -1):
            other = (self.next() * (last + 1)) >> 64
            values[last], values[other] = values[other], values[last]
        return np.array(values)


def weighed_distance(x, y):
    """Matteson and James 2014, equations 2 and 6, alpha = 1."""
    n, m = len(x), len(y)
    across = np.abs(x[:, None] - y[None, :]).mean()
    within = lambda v: np.abs(v[:, None] - v[None, :])[np.triu_indices(len(v), 1)].mean()
    return n * m / (n + m) * (2 * across - within(x) - within(y))


def best_of(pieces):
    """(weighed distance, piece, place in it) of the best cut of all pieces."""
    found = [(weighed_distance(v[:cut], v[cut:end]), k, cut)
             for k, v in enumerate(pieces)
             for cut in range(SHORTEST, len(v) - SHORTEST + 1)
             for end in range(cut + SHORTEST, len(v) + 1)]
    return max(found, default=None, key=lambda it: it[0])


def change_points(values, seed):
    random = SplitMix64(seed)
    pieces, ps = [np.log(values)], {}
    while (best := best_of(pieces)) is not None:
        as_good = 1
        for _ in range(PERMUTATIONS):
            permuted = [random.shuffled(piece) for piece in pieces]
            as_good += best_of(permuted)[0] >= best[0] * (1 - 1e-9)
            if as_good > LEVEL * (PERMUTATIONS + 1):
                break
        p = as_good / (PERMUTATIONS + 1)
        if p > LEVEL:
            break
        _, k, cut = best
        ps[sum(map(len, pieces[:k])) + cut] = p
        pieces[k:k + 1] = [pieces[k][:cut], pieces[k][cut:]]
    cuts = sorted(ps)
    logs = np.log(values)
    while cuts:
        medians = [np.median(piece) for piece in np.split(logs, cuts)]
        steps = np.abs(np.diff(medians))
        if steps.min() >= np.log1p(FLOOR):
            break
        del cuts[int(steps.argmin())]
    medians = [float(np.exp(np.median(piece))) for piece in np.split(logs, cuts)]
    return [dict(index=c, before=medians[i], after=medians[i + 1], p=ps[c]) for i, c in enumerate(cuts)]


def main():
    rng = np.random.default_rng(20260301)
    shapes = dict(
        quiet=(14, []), step=(20, [(12, .2)]), late=(18, [(15, .5)]), two=(24, [(8, .15), (16, .2)]),
        back=(24, [(9, .3), (16, -.3)]), small=(22, [(11, .03)]), short=(5, [(2, 1.)]))
    cases = []
    for name, (runs, steps) in shapes.items():
        level = sum(np.where(np.arange(runs) >= at, np.sign(size) * np.log1p(abs(size)), 0.)
                    for at, size in steps) if steps else np.zeros(runs)
        sd = .01 if name == "small" else .04
        values = np.round(np.exp(np.log(12.) + level + sd * rng.standard_t(5, runs)), 4)
        cut = runs // 2
        cases.append(dict(
            name=name, values=values.tolist(), seed=len(cases) + 1, cut=cut,
            energy=float(weighed_distance(np.log(values[:cut]), np.log(values[cut:]))),
            changes=change_points(values, len(cases) + 1)))
    print(json.dumps(cases, indent=1))


main()
