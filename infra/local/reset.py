"""`python -m infra.local.reset`: forgets the local run's data, for a fresh start."""

import shutil
import sys

from infra.local.claim import StateInUse, claimed_state
from infra.local.settings import ENDPOINTS_FILE, FILLING_FILE, STATE_DIR

# The issuer's keys stay: they are no data, and tokens made before go on working.
_DATA = ("dynamodb", "stripe", "mail", "logs", "tmp")


def main() -> int:
    """Delete the data; 1 while a local run is using it."""
    try:
        with claimed_state():
            for name in _DATA:
                shutil.rmtree(STATE_DIR / name, ignore_errors=True)
            ENDPOINTS_FILE.unlink(missing_ok=True)
            FILLING_FILE.unlink(missing_ok=True)
    except StateInUse as error:
        print(error, file=sys.stderr)
        return 1
    print("The local data is gone; make serve adds the samples again.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
