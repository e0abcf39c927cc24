#!/usr/bin/env python3
"""Writes tests/golden/stored.json: what scipy says of the prediction interval in
src/analysis/prediction.rs and of the planner's formula in src/analysis/power.rs. Needs
numpy and scipy; fixed seed. usage: scripts/golden_stored.py > tests/golden/stored.json"""
import json

import numpy as np
from scipy import optimize, stats

rng = np.random.default_rng(20260302)


def prediction():
    for runs, noise, shift in ((2, .1, 0.), (5, .03, .1), (10, .02, .0), (10, .08, .3), (12, .05, .12), (30, .03, -.1), (100, .2, .05)):
        before = np.log(12_000) + noise * rng.standard_t(6, runs)
        new = float(np.log(12_000) + shift)
        t, error = stats.t(runs - 1), before.std(ddof=1) * np.sqrt(1 + 1 / runs)
        d = np.log(1.05)
        yield dict(before=before.tolist(), new=new, tolerance=float(d), low=new - before.mean() - t.isf(.0025) * error,
                   high=new - before.mean() + t.isf(.05) * error, p=t.sf((new - before.mean() - d) / error),
                   visible=d + (t.isf(.0025) + t.isf(.05)) * error)


def holm():
    for m in (1, 2, 3, 4):
        for _ in range(4):
            p = np.sort(rng.beta(.15, 1, m))[rng.permutation(m)]
            order = np.argsort(p)
            stays = np.cumsum(p[order] >= .01 / (m - np.arange(m))) > 0
            regressed = np.empty(m, bool)
            regressed[order] = ~stays
            yield dict(p=p.tolist(), regressed=regressed.tolist())


# The base of sim/sim_common.py, on the log scale: 97 % around 4 ms, 3 % around 12 ms.
def beyond(x):
    return .97 * stats.norm.sf((x - np.log(.004)) / .35) + .03 * stats.norm.sf((x - np.log(.012)) / .5)


def planner():
    def quantile(p):
        return optimize.brentq(lambda x: 1 - beyond(x) - p, -9, 3)
    for q in (.5, .95, .99):
        half = min(q, 1 - q) / 2
        kappa = (quantile(q + half) - quantile(q - half)) / (2 * half)
        for rate, segments, deff in ((200, 5, 1.), (200, 1, 1.), (2000, 5, 1.7), (2000, 3, 4.)):
            n, weight = rate * 60 * segments, 2 * (segments + 1) / (segments * (segments + 3))
            z = stats.norm.isf(.01 * weight * .9 / 4)
            se = np.sqrt(2 * kappa**2 * q * (1 - q) * deff / n + 2 * .01**2 / segments)
            both = z + stats.norm.isf(.05)
            left = (np.log(1.1 / 1.05) / both)**2 - 2 * .01**2 / segments
            yield dict(quantile=q, kappa=kappa, rate=rate, segments=segments, deff=deff,
                       smallest=1.05 * np.exp(both * se) - 1,
                       power=stats.norm.sf(z - np.log(1.1 / 1.05) / se),
                       needed=2 * kappa**2 * q * (1 - q) * deff / left if left > 0 else None)


def base():
    """Shares of requests in log-bins of 1 %, for a made-up pilot."""
    edges = np.log(.0005) + .01 * np.arange(700)
    shares = -np.diff(beyond(edges))
    keep = shares > 1e-9
    middle = np.exp((edges[:-1] + edges[1:]) / 2) * 1e6
    return [[float(m), float(s)] for m, s in zip(np.round(middle[keep], 1), shares[keep])]


tables = {table.__name__: list(table()) for table in (prediction, holm, planner, base)}
print(json.dumps(tables, separators=(",", ":"), default=float).replace("},{", "},\n{"))
