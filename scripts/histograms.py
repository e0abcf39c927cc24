"""What loadgate stores of a duet's response times, read from its folder, and what other ways
of comparing say of them. Times are in microseconds, as histograms: microseconds to count.

What is judged, and when it was played, is as in src/record/duet.rs.
"""
import base64
import collections
import math
import re
import zlib

ARMS = ("baseline", "candidate")
# p = 0.01 of a standard normal variable, one-sided.
SLOWER_FROM = 2.326


def of_segments(folder, record):
    """For each segment, for each arm, its judged response times second by second."""
    return [{arm: by_second(folder, record, segment, arm) for arm in ARMS} for segment in record["segments"]]


def pooled(segments):
    """All judged response times of each arm."""
    return {arm: sum((counts for arms in segments for counts in arms[arm].values()), collections.Counter())
            for arm in ARMS}


def by_second(folder, record, segment, arm, what="response"):
    """The judged times of an arm in a segment, by the second of the schedule."""
    block, dropped = turns(record)
    begin = record["warmup_seconds"]
    judged = (second for second in range(begin, begin + record["judged_seconds"]) if second % block >= dropped)
    plays = {played(record, second, arm == segment["first"]): second for second in judged}
    counts = {}
    for line in (folder / segment["folder"] / arm / "intervals.hlog").read_text().splitlines():
        found = re.match(rf"Tag=[^,]*\.{what},([\d.]+),[^,]*,[^,]*,(.*)", line)
        second = plays.get(float(found[1])) if found else None
        if second is not None:
            counts.setdefault(second, collections.Counter()).update(decoded(found[2]))
    return counts


def turns(record):
    """Length of a block, and the seconds at its beginning that are not judged."""
    if isinstance(record["method"], str):
        return 1, 0
    return record["method"]["alternating"]["block"], record["method"]["alternating"]["dropped"]


def played(record, second, is_first):
    """The second of an arm's run in which one of the schedule is played."""
    if isinstance(record["method"], str):
        return second
    block, _ = turns(record)
    turn = second // block
    begins = (turn % 2 == 0) == is_first
    return second + (turn + (not begins)) * block


def decoded(payload):
    """A compressed V2 histogram of three figures."""
    plain = zlib.decompress(base64.b64decode(payload)[8:])[40:]
    counts, index, at = {}, 0, 0
    while at < len(plain):
        value = shift = 0
        while True:
            byte = plain[at]
            at += 1
            value |= (byte if shift == 56 else byte & 0x7F) << shift
            shift += 7
            if shift > 56 or not byte & 0x80:
                break
        number = (value >> 1) ^ -(value & 1)
        if number > 0:
            counts[low(index)] = counts.get(low(index), 0) + number
        index += -number if number < 0 else 1
    return counts


def low(index):
    bucket = max(index // 1024 - 1, 0)
    return (index - bucket * 1024) << bucket


def p99(counts):
    return quantile(counts, .99)


def quantile(counts, share):
    wanted, seen = share * sum(counts.values()), 0
    for value, count in sorted(counts.items()):
        seen += count
        if seen >= wanted:
            return value
    return math.nan


def is_slower(a, b):
    """Whether a one-sided Mann-Whitney test at p < 0.01 calls b slower."""
    return mann_whitney(a, b) > SLOWER_FROM


def mann_whitney(a, b):
    """The Mann-Whitney statistic with ties, as a normal variable: positive where b is slower."""
    na, nb = sum(a.values()), sum(b.values())
    below = u = ties = 0
    for value in sorted({*a, *b}):
        ca, cb = a.get(value, 0), b.get(value, 0)
        u += cb * (below + ca / 2)
        below += ca
        ties += (ca + cb) ** 3 - (ca + cb)
    n = na + nb
    variance = na * nb / 12 * ((n + 1) - ties / (n * (n - 1)))
    return (u - na * nb / 2) / math.sqrt(variance)
