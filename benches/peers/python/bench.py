"""Steps of Python's bandits: a decision, and what its reward teaches. What is measured is told as benches/shared/figures.rs does.

    HELM_BENCH_FIGURES=figures.jsonl python bench.py
"""

import json
import os
import random
import time

import numpy
import vowpalwabbit
from mabwiser.mab import MAB, LearningPolicy

ARMS, FEATURES = 10, 16


def contexts():
    """Four hundred contexts, the last feature of each a bias."""
    dice = random.Random(FEATURES)
    scale = FEATURES**0.5
    return [[(dice.random() * 2 - 1) / scale for _ in range(FEATURES - 1)] + [1.0] for _ in range(400)]


def rewards():
    dice = random.Random(12_345)
    return [float(dice.random() < 0.5) for _ in range(4_000)]


REWARDS, CONTEXTS = rewards(), contexts()


def reward(turn, arm):
    return REWARDS[(turn + arm) % len(REWARDS)]


def plain_mabwiser():
    bandit = MAB(list(range(ARMS)), LearningPolicy.ThompsonSampling(), seed=1)
    bandit.fit(list(range(ARMS)), [0] * ARMS)

    def step(turn):
        arm = bandit.predict()
        bandit.partial_fit([arm], [int(reward(turn, arm))])

    return step


def linear_mabwiser():
    bandit = MAB(list(range(ARMS)), LearningPolicy.LinUCB(alpha=0.3), seed=1)
    bandit.fit(list(range(ARMS)), [0] * ARMS, numpy.array(CONTEXTS[:ARMS]))

    def step(turn):
        context = [CONTEXTS[turn % len(CONTEXTS)]]
        arm = bandit.predict(context)
        bandit.partial_fit([arm], [reward(turn, arm)], context)

    return step


def linear_vowpal_wabbit():
    workspace = vowpalwabbit.Workspace(f"--cb_explore {ARMS} --squarecb --quiet --random_seed 1")
    texts = [" ".join(f"x{i}:{value}" for i, value in enumerate(context)) for context in CONTEXTS]
    dice = random.Random(1)

    def step(turn):
        text = texts[turn % len(texts)]
        law = workspace.predict(f"| {text}")
        arm = dice.choices(range(ARMS), law)[0]
        workspace.learn(f"{arm + 1}:{1 - reward(turn, arm)}:{law[arm]} | {text}")

    return step


def measure(step):
    """Nanoseconds of this process a step, over about two seconds."""
    for turn in range(100):
        step(turn)
    turn, began = 100, time.process_time()
    while time.process_time() - began < 2:
        step(turn)
        turn += 1
    return (time.process_time() - began) / (turn - 100) * 1e9


def main():
    steps = [
        ("plain_k10", "mabwiser thompson by draws", plain_mabwiser()),
        ("linear_k10_d16", "mabwiser LinUCB", linear_mabwiser()),
        ("linear_k10_d16", "vowpalwabbit SquareCB", linear_vowpal_wabbit()),
    ]
    with open(os.environ["HELM_BENCH_FIGURES"], "a", encoding="utf-8") as told:
        for group, name, step in steps:
            figure = {"group": group, "name": name, "value": measure(step), "unit": "ns"}
            told.write(json.dumps(figure) + "\n")
            print(f"{group}/{name}: {figure['value'] / 1000:.1f} us")


if __name__ == "__main__":
    main()
