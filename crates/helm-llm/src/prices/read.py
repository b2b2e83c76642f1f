#!/usr/bin/env python3
"""Makes prices.json from the price map of a LiteLLM wheel.

    pip download litellm==1.110.2 --no-deps -d /tmp/litellm
    python3 read.py /tmp/litellm/litellm-*.whl 2026-11-28 > prices.json

Only chat models of OpenAI and Anthropic whose tokens have one price each, apart from what the provider's cache saves:
those that also charge for searches, sounds or tuning are left out, for their cost would not be known. Where a model is
dearer beyond a length of prompt, `up_to` says so, and longer prompts have no price.
"""
import json
import re
import sys
import zipfile

LEFT_OUT = re.compile(r"^ft:|audio|search|deep-research|container|computer-use|daybreak")
DATED = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})$")


def million(price):
    return None if price is None else round(price * 1e6, 6)


def bound(model):
    """The longest prompt, in tokens, of the lowest price."""
    above = [re.match(r"input_cost_per_token_above_(\d+)k_tokens$", key) for key in model]
    return min((int(found[1]) * 1000 for found in above if found), default=None)


def entry(name, model, day):
    fields = {
        "provider": model["litellm_provider"],
        "model": name,
        "from": day,
        "input": million(model["input_cost_per_token"]),
        "output": million(model["output_cost_per_token"]),
        "cache_read": million(model.get("cache_read_input_token_cost")),
        "cache_write": million(model.get("cache_creation_input_token_cost")),
        "up_to": bound(model),
    }
    return {key: value for key, value in fields.items() if value is not None}


def prices(models, day):
    chosen = {
        name: entry(name, model, day)
        for name, model in models.items()
        if model.get("litellm_provider") in ("openai", "anthropic")
        and model.get("mode") in ("chat", "responses")
        and "input_cost_per_token" in model
        and not LEFT_OUT.search(name)
    }
    same = lambda a, b: b is not None and {**a, "model": ""} == {**b, "model": ""}
    # A dated name is found under its plain one, unless it has a price of its own.
    kept = [one for name, one in chosen.items() if not same(one, chosen.get(DATED.sub("", name))) or not DATED.search(name)]
    return sorted(kept, key=lambda one: (one["provider"], one["model"]))


def main(wheel, day):
    with zipfile.ZipFile(wheel) as archive:
        models = json.loads(archive.read("litellm/model_prices_and_context_window_backup.json"))
    version = re.search(r"litellm-([\d.]+)-", wheel)[1]
    lines = ",\n".join("    " + json.dumps(one) for one in prices(models, day))
    print("{")
    print('  "note": "List prices in dollars for a million tokens at the providers\' own addresses. Each holds from its date until a later one of the same model; made by read.py.",')
    print(f'  "source": "https://pypi.org/project/litellm/{version}/ (MIT), model_prices_and_context_window_backup.json, read on {day}",')
    print('  "prices": [')
    print(lines)
    print("  ]\n}")


if __name__ == "__main__":
    main(*sys.argv[1:])
