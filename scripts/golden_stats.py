#!/usr/bin/env python3
"""Writes tests/golden/stats.json: what scipy says of the statistics in
src/analysis/stats.rs. Needs numpy and scipy; fixed seed, so that the file changes
only when this script does. usage: scripts/golden_stats.py > tests/golden/stats.json"""
import itertools
import json

import numpy as np
from scipy import stats

rng = np.random.default_rng(20240517)


def clopper_pearson():
    counts = [(0, 1), (0, 100), (0, 2996), (1, 1), (1, 200), (3, 1000), (30, 30), (0.4, 11.5),
              (2.7, 312.4), (100, 10_000), (117.3, 9_731.6), (2_000, 200_000), (100_000, 10_000_000),
              (5_000_000, 10_000_000), (12, 60_000_000), (999, 1000)]
    for (bad, n), alpha in itertools.product(counts, (.05, .01, .0018)):
        lower = stats.beta.ppf(alpha, bad, n - bad + 1) if bad > 0 else 0.0
        upper = stats.beta.isf(alpha, bad + 1, n - bad) if bad < n else 1.0
        yield dict(bad=bad, all=n, alpha=alpha, lower=lower, upper=upper)


def student():
    for freedom in range(1, 29):
        t = stats.t.ppf(.95, freedom)
        yield dict(freedom=freedom, t=t, alpha=stats.norm.sf(t))


def design_effect():
    for k, shape in ((3, .5), (12, .3), (12, 5.), (40, 1.)):
        n = rng.poisson(2_000, k)
        e = rng.binomial(n, np.clip(.01 * rng.gamma(shape, 1 / shape, k), 0, 1))
        f = e.sum() / n.sum()
        v = k / (k - 1) * np.sum((e - f * n) ** 2) / n.sum() ** 2
        deff = max(1.0, v / (f * (1 - f) / n.sum()))
        yield dict(all=n.tolist(), bad=e.tolist(), deff=deff)


def theil_sen():
    for n, slope in ((2, 1.), (5, -.3), (12, .02), (41, 0.)):
        y = slope * np.arange(n) + rng.standard_t(3, n) * .1
        yield dict(values=y.tolist(), slope=stats.theilslopes(y).slope, median=float(np.median(y)))


tables = (clopper_pearson, student, design_effect, theil_sen)
print(json.dumps({table.__name__: list(table()) for table in tables}, indent=1))
