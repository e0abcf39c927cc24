#!/usr/bin/env python3
"""Fits the noise model of the simulated gates (src/analysis/gate/simulated.rs) to what both
arms of real duets measured. scripts/duets.py calls it; alone it fits made-up noise with known
numbers and prints both, to show how far the fit can be trusted:

    python3 scripts/noise_model.py

The model, on the logarithm of response times, second by second:

    arm's level = h + d(t) + b(t) + u + v(t)
    h   one draw per duet (what the machine was like), sd `host`
    d   drift that both arms share: Ornstein-Uhlenbeck, sd `drift`, time constant `tau`
    b   bursts that both arms share: per second `bursts`, so many seconds `length`, height `height`
    u   one draw per start of a process, sd `start`
    v   an arm's own: Ornstein-Uhlenbeck, sd `own`, time constant 2 s

By the method of moments. Differences of the arms have neither h nor d nor (nearly) b; means of
the arms have all. White noise, as a quantile of few requests has, is in no autocovariance
beyond lag 0. Bursts are seconds far above the duet's median in both arms; for everything else
they are cut off there.
"""
import math
import random
import statistics

OWN_TAU = 2
FAR = math.log(1.25)
LAGS = range(4, 11)
NAMES = ("host", "drift", "tau", "bursts", "length", "height", "start", "own")
# What METHODS.md took for granted.
ASSUMED = {
    "quiet": (.010, .010, 10, 0, .5, 1.0, .005, .010),
    "ci": (.030, .040, 10, 1 / 20, .3, .8, .010, .020),
    "harsh": (.080, .080, 20, 1 / 15, 1.0, 1.5, .015, .040),
}


def fit(duets):
    """`duets`: for each duet, for each segment of fresh processes, a pair of lists of equal
    length: the logarithm of one quantile per second, baseline and candidate."""
    bursts, seconds, heights, lengths = 0, 0, [], []
    means, ratios, levels = [], [], []
    for segments in duets:
        both = [[(b + c) / 2 for b, c in zip(*arms)] for arms in segments]
        middle = statistics.median(x for series in both for x in series)
        for arms, series in zip(segments, both):
            is_far = [min(pair) - middle > FAR for pair in zip(*arms)]
            found = runs(is_far)
            bursts, seconds = bursts + len(found), seconds + len(series)
            lengths += [end - start for start, end in found]
            heights += [math.exp(max(series[start:end]) - middle) - 1 for start, end in found]
        calm = [[min(max(x, middle - FAR), middle + FAR) - middle for x in series] for series in both]
        levels.append(statistics.mean(x for series in calm for x in series) + middle)
        means.append(calm)
        ratios.append([clipped([c - b for b, c in zip(*arms)]) for arms in segments])
    own2, start = between_arms([r for duet in ratios for r in duet])
    drift2, tau = shared(means)
    within = drift2 * statistics.mean(mean_share(sum(map(len, duet)), tau) for duet in means)
    host = math.sqrt(max(0, variance(levels) - within))
    return dict(zip(NAMES, (host, math.sqrt(drift2), tau, bursts / max(seconds, 1), mean(lengths), mean(heights),
                            start, math.sqrt(own2))))


def runs(flags):
    """Stretches that are true: from, to (behind the last)."""
    edges = [i for i, (a, b) in enumerate(zip([False, *flags], [*flags, False])) if a != b]
    return list(zip(edges[::2], edges[1::2]))


def clipped(series):
    middle = statistics.median(series)
    spread = 1.4826 * statistics.median(abs(x - middle) for x in series)
    return [min(max(x, middle - 3 * spread), middle + 3 * spread) for x in series]


def pooled(all_series, lag, centers=None):
    """The autocovariance at a lag over many series, each about its own mean or a given one."""
    total = pairs = 0
    for place, series in enumerate(all_series):
        about = centers[place] if centers else statistics.mean(series)
        pairs += max(len(series) - lag, 0)
        total += sum((a - about) * (b - about) for a, b in zip(series, series[lag:]))
    return total / pairs if pairs else 0


def between_arms(ratios):
    """Variance of an arm's own noise, and sd of what segments' mean log ratios scatter beyond
    their own error, per process. That each series is taken about its own mean hides the part of
    the noise that moves the mean."""
    seconds = mean([len(series) for series in ratios])
    in_mean = mean_share(seconds, OWN_TAU)
    own2 = max(0, pooled(ratios, 1) / 2 / (math.exp(-1 / OWN_TAU) - in_mean))
    white = max(0, pooled(ratios, 0) - 2 * own2 * (1 - in_mean))
    error = 2 * own2 * in_mean + white / seconds
    averages = [statistics.mean(series) for series in ratios]
    return own2, math.sqrt(max(0, variance(averages) - error) / 2)


def shared(means):
    """Variance and time constant of the drift, from lags at which an arm's own noise is gone."""
    series = [one for duet in means for one in duet]
    centers = [statistics.mean(x for one in duet for x in one) for duet in means for _ in duet]
    found = [(lag, pooled(series, lag, centers)) for lag in LAGS]
    known = [(lag, math.log(value)) for lag, value in found if value > 0]
    if len(known) < 3:
        return 0, math.nan
    slope, at_zero = statistics.linear_regression(*zip(*known))[:2]
    tau = min(max(-1 / slope if slope < 0 else 60, 1), 60)
    return math.exp(min(at_zero, math.log(max(pooled(series, 0, centers), 1e-12)))), tau


def mean_share(seconds, tau):
    """Variance of the mean of an Ornstein-Uhlenbeck process, as a share of its own."""
    ratio = seconds / tau if tau == tau else math.inf
    return 2 / ratio * (1 - (1 - math.exp(-ratio)) / ratio) if math.isfinite(ratio) else 0


def variance(values):
    return statistics.variance(values) if len(values) > 1 else 0


def mean(values):
    return statistics.mean(values) if values else 0


def row(found):
    host, drift, tau, bursts, length, height, start, own = (found[name] for name in NAMES)
    percent = (f"{value * 100:.1f} %" for value in (host, drift))
    every = f"{1 / bursts:.0f} s" if bursts else "none"
    rest = [f"{length:.1f} s", f"{height:.1f}"] if bursts else ["–", "–"]
    return [*percent, f"{tau:.0f} s" if tau == tau else "–", every, *rest, f"{start * 100:.1f} %", f"{own * 100:.1f} %"]


HEADS = ["", "between duets", "drift", "over", "a burst every", "lasting", "height", "between starts", "own noise"]


def made_up(draw, numbers, duets=30, segments=5, seconds=15, white=.02):
    """Duets with known noise."""
    host, drift, tau, bursts, length, height, start, own = numbers
    gauss = draw.gauss
    result = []
    for _ in range(duets):
        level, d = gauss(0, host), gauss(0, drift)
        parts = []
        for _ in range(segments):
            starts, v = [gauss(0, start), gauss(0, start)], [gauss(0, own), gauss(0, own)]
            arms, left, high = ([], []), 0, 0
            for _ in range(seconds):
                d = turned(draw, d, drift, tau)
                v = [turned(draw, x, own, OWN_TAU) for x in v]
                if left <= 0 and draw.random() < bursts:
                    left, high = max(1, draw.expovariate(1 / length)), math.log1p(draw.expovariate(1 / height))
                for arm, u, mine in zip(arms, starts, v):
                    arm.append(level + d + (high if left > 0 else 0) + u + mine + gauss(0, white))
                left -= 1
            parts.append(arms)
        result.append(parts)
    return result


def turned(draw, value, deviation, tau):
    kept = math.exp(-1 / tau)
    return kept * value + draw.gauss(0, deviation * math.sqrt(1 - kept * kept))


if __name__ == "__main__":
    from measuring import table
    draw = random.Random(1)
    rows = []
    for name, numbers in ASSUMED.items():
        rows.append([f"{name}, put in", *row(dict(zip(NAMES, numbers)))])
        rows.append([f"{name}, found", *row(fit(made_up(draw, numbers)))])
    print(table(HEADS, rows))
