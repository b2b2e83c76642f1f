"""Sends a server requests made from an OpenAPI document, allowed ones and others, and holds its answers to the document.

crates/helm-server/tests/generated.rs starts the server and says in the environment where it is, what opens it, where the
document lies and for how many seconds to go on.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

LEAST = 300


def main():
    here = Path(__file__).parent
    run = subprocess.Popen(
        [
            Path(sys.executable).with_name("schemathesis"),
            *("--config-file", here / "schemathesis.toml", "run", os.environ["HELM_DOCUMENT"]),
            *("--url", os.environ["HELM_URL"], "--phases", "coverage,fuzzing", "--continue-on-failure"),
            *("--max-time", os.environ["HELM_SECONDS"], "--seed", os.environ.get("HELM_SEED", "1")),
            *("--generation-database", "none", "--no-color", "--warnings", "off"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    told = []
    for line in run.stdout:
        told.append(line)
        print(line, end="", flush=True)
    status = run.wait()
    counted = re.search(r"(\d+) generated", "".join(told))
    count = int(counted[1]) if counted else 0
    if status == 0 and count >= LEAST:
        print(f"ok      {count} requests", flush=True)
        return 0
    print(f"FAILED  after {count} requests, of which there must be {LEAST} (status {status})", flush=True)
    return 1


sys.exit(main())
