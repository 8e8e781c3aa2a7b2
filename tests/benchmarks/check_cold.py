"""How long does `envelope check` take from a cold start, beside an empty interpreter?

    python tests/benchmarks/check_cold.py DEPLOY.yaml KEY.pub [--runs 15]

Prints the median wall time of three whole processes, run in turn: `python -c pass`, an import of
pydantic and cryptography (what any checker of such records pays), and `envelope check`; and the
ratio of the last to each. Hashing the checkpoint is inside; its size is printed.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import yaml

IMPORTS = "import pydantic, yaml, click, cryptography.hazmat.primitives.asymmetric.ec"


def seconds(words: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(words, check=False, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("deploy", type=Path)
    parser.add_argument("key", type=Path)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    check = Path(sys.executable).with_name("envelope")
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import pydantic, cryptography, ...'": [sys.executable, "-c", IMPORTS],
        "envelope check": [
            str(check), "check", "--deploy", str(options.deploy), "--key", str(options.key)
        ],
    }  # fmt: skip
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(options.runs):
        for name, words in commands.items():
            times[name].append(seconds(words))
    ours = statistics.median(times["envelope check"])
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(
            f"{name:48s} {middle:6.3f} s  [{min(taken):.3f}, {max(taken):.3f}]  "
            f"x{ours / middle:.2f}"
        )
    named = yaml.safe_load(options.deploy.read_text())["model_state"]["checkpoint"]
    for folder in (options.deploy.parent, options.deploy.parent.parent):
        if (folder / named).exists():
            print(f"checkpoint hashed inside: {(folder / named).stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
