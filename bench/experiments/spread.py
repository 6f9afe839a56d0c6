"""Which differences between patterns are larger than those between seeds. Every seed gives all patterns the same batches, so
differences are taken seed by seed, and the error is what neither the pattern nor the seed explains. Standard library alone."""

import math
import statistics

LEAST_FREEDOM = 3  # degrees: below, intervals are wider than any difference that one looks for


def residual_error(losses):
    """(standard deviation, degrees of freedom) of what is left in {row: {seed: loss}} when each row's and each seed's mean is
    taken out, over the seeds that all rows have; None where that is too little to say anything."""
    seeds = set.intersection(*(set(row) for row in losses.values())) if losses else set()
    if len(seeds) < 2 or len(losses) < 2:
        return None
    whole = statistics.fmean(row[seed] for row in losses.values() for seed in seeds)
    of_row = {name: statistics.fmean(row[seed] for seed in seeds) for name, row in losses.items()}
    of_seed = {seed: statistics.fmean(row[seed] for row in losses.values()) for seed in seeds}
    squares = sum((row[seed] - of_row[name] - of_seed[seed] + whole) ** 2 for name, row in losses.items() for seed in seeds)
    freedom = (len(losses) - 1) * (len(seeds) - 1)
    return (math.sqrt(squares / freedom), freedom) if freedom >= LEAST_FREEDOM else None


def difference(row, of):
    """(mean of the differences seed by seed, how many)"""
    seeds = sorted(set(row) & set(of))
    return statistics.fmean(row[seed] - of[seed] for seed in seeds), len(seeds)


def half_width(error, seeds, comparisons):
    """Of the 95 % interval of a mean difference over so many seeds, when so many comparisons shall hold together
    (Bonferroni)."""
    deviation, freedom = error
    return quantile(1 - 0.025 / comparisons, freedom) * deviation * math.sqrt(2 / seeds)


def quantile(probability, freedom):
    """Of Student's t, for probabilities above a half: bisection of its distribution."""
    low, high = 0.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _distribution(middle, freedom) < probability else (low, middle)
    return (low + high) / 2


def _distribution(t, freedom):
    """P(T <= t) for t >= 0: Simpson's rule over the angle atan(t / sqrt(freedom)), where the density is a power of a cosine."""
    intervals = 400
    end = math.atan(t / math.sqrt(freedom))
    width = end / intervals
    weights = [1, *(4 if number % 2 else 2 for number in range(1, intervals)), 1]
    area = width / 3 * sum(weight * math.cos(number * width) ** (freedom - 1) for number, weight in enumerate(weights))
    factor = math.gamma((freedom + 1) / 2) / (math.gamma(freedom / 2) * math.sqrt(math.pi))
    return 0.5 + factor * area
