#!/usr/bin/env python3
"""Writes tests/golden/gate.json: what scipy and numpy say of the statistics in
src/analysis/gate/. Needs numpy and scipy; fixed seed, so that the file changes only when
this script does. usage: scripts/golden_gate.py > tests/golden/gate.json"""
import json

import numpy as np
from scipy import stats

rng = np.random.default_rng(20240518)


def series(n, kind):
    """Log ratios: independent, hanging together, with slow intervals, all alike."""
    x = rng.normal(.03, .05, n)
    if kind == "hanging":
        for i in range(1, n):
            x[i] += .6 * x[i - 1]
    if kind == "slow":
        x[rng.random(n) < .2] += .8
    if kind == "split":
        x[rng.random(n) < .2] += .8
        x[rng.random(n) < .1] -= .7
    return x


KINDS = [(n, kind) for n in (5, 6, 30, 61, 150) for kind in ("plain", "hanging", "slow", "split")]


def student():
    for freedom in (1, 2, 5, 11, 17, 40, 120):
        for level in (2.5e-5, 6.25e-5, 2.5e-4, .0025, .005, .05, .4):
            point = stats.t.isf(level, freedom)
            yield dict(freedom=freedom, level=level, point=point)


def inflation(x, lags=3):
    off = x - x.mean()
    gamma = np.correlate(off, off, "full")[len(x) - 1:] / len(x)
    weights = 1 - np.arange(1, lags + 1) / (lags + 1)
    return max(1.0, max(0.0, gamma[0] + 2 * weights @ gamma[1:lags + 1]) / gamma[0])


def trimmed():
    for n, kind in KINDS:
        x = series(n, kind)
        independent = float(stats.mstats.trimmed_stde(x, limits=(.2, .2)))
        yield dict(values=x.tolist(), value=stats.trim_mean(x, .2), inflation=inflation(x),
                   error=independent * np.sqrt(inflation(x)), freedom=n - 2 * int(.2 * n) - 1)


def block():
    for n, kind in KINDS:
        x = series(n, kind)
        greater = stats.ttest_1samp(x, np.log(1.05), alternative="greater")
        less = stats.ttest_1samp(x, np.log(1.15), alternative="less")
        yield dict(values=x.tolist(), value=x.mean(), error=stats.sem(x), above=greater.pvalue,
                   below=less.pvalue, lower=greater.confidence_interval(1 - 2.5e-4).low,
                   upper=less.confidence_interval(1 - 5e-3).high)


def signs():
    for n, kind in KINDS:
        x = series(n, kind)
        far = max(np.log(1.25), 4 * 1.4826 * stats.median_abs_deviation(x))
        above, below = int(np.sum(x - np.median(x) > far)), int(np.sum(x - np.median(x) < -far))
        p = stats.binomtest(above, above + below, alternative="greater").pvalue if above else 1.0
        yield dict(values=x.tolist(), above=above, below=below, p=p)


def flips_exact():
    for n, lean in ((2, 1), (3, 2), (8, 0), (11, 2), (12, 1), (12, 6)):
        d = rng.poisson(3 + lean, n) - rng.poisson(3, n)
        if n == 11:
            d = np.abs(d) + 1
        found = stats.permutation_test((d,), np.sum, permutation_type="samples", n_resamples=np.inf,
                                       alternative="greater")
        padded = np.concatenate([d, np.zeros(7, int)])
        yield dict(differences=rng.permutation(padded).tolist(), p=float(found.pvalue))


def flips_drawn():
    """The exact p by convolution, to which the drawn one has to come close."""
    for n, lean in ((20, 0), (60, .3), (60, 1.), (300, .2)):
        d = rng.poisson(2 + lean, n) - rng.poisson(2, n)
        ways = np.array([1.0])
        for size in np.abs(d[d != 0]):
            longer = np.zeros(len(ways) + 2 * size)
            longer[:len(ways)] += ways / 2
            longer[2 * size:] += ways / 2
            ways = longer
        sums = np.arange(len(ways)) - (len(ways) - 1) // 2
        yield dict(differences=d.tolist(), p=float(ways[sums >= d.sum()].sum()))


def width(value):
    return 1 << max(0, int(value).bit_length() - 11)


def histogram(values):
    """Buckets as HdrHistogram has them with three figures: lowest value and count."""
    low = [int(v) // width(v) * width(v) for v in np.maximum(np.rint(values), 1)]
    value, count = np.unique(low, return_counts=True)
    return [[int(v), int(c)] for v, c in zip(value, count)]


def added(histograms):
    sums = {}
    for value, count in (bucket for h in histograms for bucket in h):
        sums[value] = sums.get(value, 0) + count
    return sorted(sums.items())


def log_quantile(histograms, share):
    buckets = added(histograms)
    count = np.array([c for _, c in buckets])
    reached = np.cumsum(count)
    rank = share * reached[-1]
    i = int(np.searchsorted(reached, rank))
    low = buckets[i][0]
    edges = np.log([low - .5, low + width(low) - .5])
    return float(np.interp((rank - (reached[i] - count[i])) / count[i], (0, 1), edges))


def quantile():
    for n, centre in ((1, 700.), (37, 60.), (200, 3_000.), (900, 40_000.)):
        parts = [histogram(rng.lognormal(np.log(centre), .6, n)) for _ in range(3)]
        shares = (.5, .731, .95, .99)
        yield dict(parts=parts, shares=shares, values=[log_quantile(parts, share) for share in shares])


def jackknife():
    for seconds, slower in ((12, 1.), (25, 1.08)):
        arm = lambda by: [histogram(rng.lognormal(np.log(1_500 * by), .4, 40)) for _ in range(seconds)]
        baseline, candidate = arm(1.), arm(slower)
        ratio = lambda kept: (log_quantile([candidate[i] for i in kept], .9)
                              - log_quantile([baseline[i] for i in kept], .9))
        edges = [k * seconds // 12 for k in range(13)]
        left_out = np.array([ratio([i for i in range(seconds) if not a <= i < b])
                             for a, b in zip(edges, edges[1:])])
        # scipy has no jackknife; this is Efron's formula by numpy's biased variance.
        yield dict(baseline=baseline, candidate=candidate, share=.9, value=ratio(range(seconds)),
                   error=float(np.sqrt(11 * left_out.var())))


def holm():
    """By adjusted p, which is another way to write it."""
    for m in (1, 2, 4, 4, 4, 7):
        p = rng.random(m) * rng.choice([1e-4, 1e-2, 1], m)
        order = np.argsort(p)
        adjusted = np.empty(m)
        adjusted[order] = np.maximum.accumulate(p[order] * np.arange(m, 0, -1))
        yield dict(p=p.tolist(), alpha=.01, rejected=(adjusted < .01).tolist())


def trend():
    for lengths, slope in (((30,), 0.), ((30,), .004), ((12, 30, 30), -.003)):
        segments = [slope * np.arange(n) + rng.normal(0, .03, n) for n in lengths]
        rises = [np.subtract.outer(x, x)[np.tril_indices(len(x), -1)] for x in segments]
        steps = [np.subtract.outer(np.arange(n), np.arange(n))[np.tril_indices(n, -1)] for n in lengths]
        middle = float(np.median(np.concatenate(rises) / np.concatenate(steps)))
        if len(lengths) == 1:
            assert np.isclose(middle, stats.theilslopes(segments[0]).slope)
        s = sum(stats.kendalltau(np.arange(len(x)), x).statistic * len(x) * (len(x) - 1) / 2 for x in segments)
        variance = sum(n * (n - 1) * (2 * n + 5) / 18 for n in lengths)
        p = 2 * stats.norm.sf((abs(s) - 1) / np.sqrt(variance))
        yield dict(segments=[x.tolist() for x in segments], p=p,
                   factor=float(np.exp(middle * (max(lengths) - 1))))


tables = (student, trimmed, block, signs, flips_exact, flips_drawn, quantile, jackknife, holm, trend)
print(json.dumps({table.__name__: list(table()) for table in tables}))
