"""`python -m tests.benchmarks.budgets`: counts every case and writes `docs/budgets.md`; with
`--measure` the processor's time is measured before.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.budgets import counts
from tests.benchmarks.budgets.measuring import measure
from tests.benchmarks.budgets.report import document
from tests.benchmarks.budgets.world import moto_worlds

PAGE = Path("docs/budgets.md")


def main(arguments: Sequence[str]) -> int:
    """Write the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.budgets", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="measure the processor's time anew")
    if parser.parse_args(arguments).measure:
        measure()
    # The app's log lines are written, and thrown away.
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        moto_worlds() as opened,
    ):
        counts.keep(counts.count_all(opened))
    PAGE.write_text(document())
    sys.stdout.write(f"{PAGE} is written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
