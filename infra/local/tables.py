"""The local run's data: tables as the stack declares them, and samples where there are none."""

import os

import botocore.session

from chalicelib import wiring
from infra.local.settings import FILLING_FILE
from infra.tables import TABLE_SETTINGS, create_tables


def prepare_tables() -> bool:
    """Create the tables that are missing, and fill them if all were; say whether it was done.

    A filling that was cut off is done again from the start.
    """
    client = botocore.session.get_session().create_client("dynamodb")
    names = {logical_id: os.environ[setting] for logical_id, setting in TABLE_SETTINGS.items()}
    created = create_tables(client, names)
    if len(created) < len(names) and not FILLING_FILE.exists():
        return False
    FILLING_FILE.touch()
    wiring.sample_data().reset(by="local-run")
    FILLING_FILE.unlink()
    return True
