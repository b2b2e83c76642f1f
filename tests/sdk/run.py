"""Runs the cases of openai_cases.py and anthropic_cases.py, reports each, and fails if one does.

The servers are started by crates/helm-server/tests/sdk.rs, which says in the environment where they are. What their
model answers is written into the user's message: see `reply` there.
"""

import asyncio
import inspect
import sys
import time
import traceback

import anthropic_cases
import openai_cases


def cases():
    for module in (openai_cases, anthropic_cases):
        for name, function in vars(module).items():
            if name.startswith("case_") and inspect.isfunction(function):
                yield f"{module.__name__.removesuffix('_cases')}: {name.removeprefix('case_')}", function


def main():
    wanted = sys.argv[1:]
    ran, failed = 0, []
    for name, function in cases():
        if wanted and not any(word in name for word in wanted):
            continue
        ran += 1
        began = time.monotonic()
        try:
            if inspect.iscoroutinefunction(function):
                asyncio.run(asyncio.wait_for(function(), 60))
            else:
                function()
        except Exception:
            failed.append(name)
            print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
        else:
            print(f"ok      {name} ({time.monotonic() - began:.2f} s)", flush=True)
    print(f"{ran} cases, {len(failed)} failed", flush=True)
    sys.exit(1 if failed or not ran else 0)


main()
