#!/usr/bin/env python3
"""Writes tests/golden/scalability.json: what scipy says of the fits in
src/analysis/scalability.rs. Least squares of the relative errors with 0 <= alpha <= 1 and
beta >= 0; 95 % intervals by the profile of the sum of squares. Needs numpy and scipy; fixed
seed. usage: scripts/golden_scalability.py > tests/golden/scalability.json"""
import json

import numpy as np
from scipy import optimize, stats

rng = np.random.default_rng(20260301)


def law(n, lam, alpha, beta):
    return lam * n / (1 + alpha * (n - 1) + beta * n * (n - 1))


def nearest(n, x, given=lambda p: p, free=3, bounds=None):
    """The least sum of squares over `free` numbers, of which `given` makes the curve."""
    scale = np.array([x.max(), 1.0, 1 / n.max() ** 2])
    best = None
    for alpha in (.01, .3, .9):
        for beta in (1e-6, 1.0, 20.0):
            start = given.start(alpha, beta) if hasattr(given, 'start') else [1.0, alpha, beta]
            low, high = bounds or ([1e-9, 0, 0], [np.inf, 1, np.inf])
            start = np.clip(start, np.array(low) + 1e-12, high)

            def errors(q):
                lam, al, be = given(q)
                return 1 - law(n, lam * scale[0], al, be * scale[2]) / x

            found = optimize.least_squares(errors, start, bounds=(low, high), method='trf',
                                           xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=5000)
            if best is None or 2 * found.cost < best[1]:
                best = found.x, 2 * found.cost
    return best


class Held:
    """One of the three is held; the others are free."""

    def __init__(self, place, value):
        self.place, self.value = place, value

    def start(self, alpha, beta):
        return [v for k, v in enumerate((1.0, alpha, beta)) if k != self.place]

    def __call__(self, q):
        full = list(q)
        full.insert(self.place, self.value)
        return full

    def bounds(self):
        low, high = [1e-9, 0, 0], [np.inf, 1, np.inf]
        return ([v for k, v in enumerate(low) if k != self.place],
                [v for k, v in enumerate(high) if k != self.place])


class PeakHeld:
    def __init__(self, peak, most):
        self.scaled = (peak / most) ** 2

    def start(self, alpha, beta):
        return [1.0, alpha]

    def __call__(self, q):
        return q[0], q[1], (1 - q[1]) / self.scaled

    def bounds(self):
        return [1e-9, 0], [np.inf, 1]


def case(name, n, x):
    best, squares = nearest(n, x)
    freedom = len(n) - 3
    most = squares * (1 + stats.t.ppf(.975, freedom) ** 2 / freedom)

    def beyond(held):
        return nearest(n, x, held, 2, held.bounds())[1] - most

    def end(make, value, limit, factor):
        far = limit if limit is not None else value
        if limit is None:
            for _ in range(60):
                far *= factor
                if beyond(make(far)) > 0:
                    break
        if beyond(make(far)) <= 0:
            return far
        return optimize.brentq(lambda v: beyond(make(v)), value, far, xtol=1e-13, rtol=1e-12)

    scale = [x.max(), 1.0, 1 / n.max() ** 2]
    out = dict(name=name, loads=np.column_stack([n, x]).tolist(),
               error=float(np.sqrt(squares / len(n))))
    limits = [(None, None), (0.0, 1.0), (0.0, None)]
    for place, word in enumerate(('lambda', 'alpha', 'beta')):
        make = lambda v, place=place: Held(place, v)
        value = max(best[place], 1e-6 if place == 2 else 0)
        low = end(make, best[place], limits[place][0], .5)
        high = end(make, value, limits[place][1], 2)
        out[word] = [float(v * scale[place]) for v in (best[place], low, high)]
    if best[2] > 1e-6:
        peak = float(np.sqrt((1 - best[1]) / best[2]) * n.max())
        make = lambda v: PeakHeld(v, n.max())
        low = end(make, peak, None, .5)
        out['peak'] = [peak, low, end(make, peak, None, 2) if out['beta'][1] > 0 else None]
    else:
        out['peak'] = None
    return out


grids = [np.array([1, 2, 4, 8, 16, 32, 64.]), np.geomspace(.3, 40, 9), np.geomspace(.5, 300, 14),
         np.array([1, 1.5, 2.2, 3, 4.1, 6.])]
curves = [(120, .03, 4e-4), (900, .5, 0), (40, .08, 2e-5), (2500, .0, 1e-3), (310, .25, .01)]
cases = []
for k, (lam, alpha, beta) in enumerate(curves):
    n = grids[k % len(grids)]
    for noise in (.005, .03):
        x = law(n, lam, alpha, beta) * (1 + noise * rng.standard_normal(len(n)))
        cases.append(case(f'{lam} {alpha} {beta} {noise}', n, x))
print(json.dumps(cases, indent=1))
