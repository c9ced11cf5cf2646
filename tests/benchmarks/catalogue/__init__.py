"""What each route costs as the catalogue grows: `python -m tests.benchmarks.catalogue`."""
