"""The local run's data: tables as the stack declares them, and samples where there are none."""

import os

import botocore.session

from chalicelib import wiring
from infra.local.children import StartError
from infra.local.settings import FILLING_FILE
from infra.tables import TABLE_SETTINGS, create_tables, outdated_tables


def prepare_tables() -> bool:
    """Create the tables that are missing, and fill them if all were; say whether it was done.

    A filling that was cut off is done again from the start. Raises `StartError` for tables of an
    older version of the program.
    """
    client = botocore.session.get_session().create_client("dynamodb")
    names = {logical_id: os.environ[setting] for logical_id, setting in TABLE_SETTINGS.items()}
    outdated = outdated_tables(client, names)
    if outdated:
        raise StartError(
            f"the local data is of an older version (table {outdated[0]}): `make reset` forgets it"
        )
    created = create_tables(client, names)
    if len(created) < len(names) and not FILLING_FILE.exists():
        return False
    FILLING_FILE.touch()
    wiring.sample_data().reset(by="local-run")
    FILLING_FILE.unlink()
    return True
