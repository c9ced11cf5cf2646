"""The local run's data: tables as the stack declares them, and samples where there are none."""

import os

import botocore.session

from chalicelib import wiring
from infra.tables import TABLE_SETTINGS, create_tables


def prepare_tables() -> bool:
    """Create the tables that are missing, and fill them if all were; say whether it was done."""
    client = botocore.session.get_session().create_client("dynamodb")
    names = {logical_id: os.environ[setting] for logical_id, setting in TABLE_SETTINGS.items()}
    created = create_tables(client, names)
    if len(created) < len(names):
        return False
    wiring.sample_data().fill(by="local-run")
    return True
