"""`python -m tests.benchmarks.on_sale`: simulates, and writes `docs/on-sale.md` and its chart."""

import sys
from pathlib import Path

from tests.benchmarks.on_sale.report import document, plot

PAGE, CHART = Path("docs/on-sale.md"), Path("docs/on-sale.svg")


def main() -> int:
    """Write the page; return the exit code."""
    PAGE.write_text(document())
    CHART.write_text(plot())
    sys.stdout.write(f"{PAGE} and {CHART} are written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
