"""``python -m tests.trust [EVERY]``: run every scenario, or every so manieth, and count."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from .harness import Outcome, Run
from .scenarios import scenarios


def outcome_of(number: int) -> tuple[Outcome | None, str]:
    """Run one scenario; return what came of it, and what was wrong."""
    scenario = scenarios()[number]
    try:
        return Run(scenario).go(), ""
    except Exception as error:  # a lie, or a bug: both belong in the count
        return None, f"{scenario}: {type(error).__name__}: {error}"


def main() -> int:
    """Run them, print the count, return 1 if anything was wrong."""
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    numbers = range(0, len(scenarios()), every)
    began = time.monotonic()
    counts: Counter[str] = Counter()
    wrong = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        runs = pool.map(outcome_of, numbers, chunksize=4)
        for count, (outcome, trouble) in enumerate(runs, 1):
            if count % 100 == 0:
                print(f"{count} of {len(numbers)}, {len(wrong)} wrong", flush=True)
            if outcome is None:
                wrong.append(trouble)
                print(trouble, flush=True)
                continue
            counts[outcome.claim.partition(":")[0]] += 1
            counts["the trouble struck"] += outcome.struck
    print(f"{len(numbers)} runs in {time.monotonic() - began:.0f} s: {len(wrong)} wrong")
    for claim, count in counts.most_common():
        print(f"{count:6}  {claim}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
