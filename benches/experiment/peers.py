"""What others take for the same, in processor time: the least of some runs."""

import json
import os
import time

import numpy as np
import scipy
from scipy import stats


def least(runs, work):
    times = []
    for _ in range(runs):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def show(name, seconds):
    print(f"{name:<64} {seconds * 1e3:>9.3f} ms")
    if path := os.environ.get("HELM_BENCH_FIGURES"):
        with open(path, "a", encoding="utf-8") as told:
            figure = {"group": "others", "name": name, "value": seconds * 1e9, "unit": "ns"}
            told.write(json.dumps(figure) + "\n")


print(f"numpy {np.__version__}, SciPy {scipy.__version__}")
rng = np.random.default_rng(1)
users = 1_000_000
before = rng.random((users, 3))
after = 0.7 * before + 0.3 * rng.random((users, 3))
arm = np.arange(users) % 2 == 1


def cuped():
    for metric in range(3):
        x, y = before[:, metric], after[:, metric]
        theta = np.cov(x, y)[0, 1] / x.var(ddof=1)
        adjusted = y - theta * (x - x.mean())
        stats.ttest_ind(adjusted[arm], adjusted[~arm], equal_var=False)


show("numpy and SciPy: three metrics with CUPED of 10^6 users", least(5, cuped))
one, other = after[arm, 0] + 0.001, after[~arm, 0]
show(
    "SciPy: Mann-Whitney of 10^6 users",
    least(3, lambda: stats.mannwhitneyu(one, other, method="asymptotic")),
)
means, spreads = (0.5, 0.51), (0.3, 0.31)
show(
    "SciPy: Welch from sums",
    least(5, lambda: [stats.ttest_ind_from_stats(means[1], spreads[1], 1000, means[0], spreads[0], 1000, False) for _ in range(100)]) / 100,
)
try:
    from gbstats.frequentist.tests import FrequentistConfig, SequentialConfig, SequentialTwoSidedTTest, TwoSidedTTest
    from gbstats.models.statistics import SampleMeanStatistic

    def arm_of(mean):
        return SampleMeanStatistic(n=1000, sum=1000 * mean, sum_squares=1000 * (mean * mean + 0.09))

    a, b = arm_of(0.5), arm_of(0.51)
    both = lambda: (
        TwoSidedTTest(a, b, FrequentistConfig()).compute_result(),
        SequentialTwoSidedTTest(a, b, SequentialConfig()).compute_result(),
    )
    show("gbstats: Welch and sequential from sums", least(5, lambda: [both() for _ in range(100)]) / 100)
except ImportError as missing:
    print(f"gbstats is not here: {missing}")
