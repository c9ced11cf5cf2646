"""The local run's data: tables as the stack declares them, and samples where there are none."""

import os

from chalicelib import wiring
from infra.deploying.errors import AWS_ERRORS, explained
from infra.local.children import StartError
from infra.local.settings import FILLING_FILE
from infra.operating.aws_session import open_session
from infra.tables import TABLE_SETTINGS, create_tables, outdated_tables


def prepare_tables() -> bool:
    """Create the tables that are missing, and fill them if all were; say whether it was done.

    A filling that was cut off is done again from the start. Raises `StartError` for tables of an
    older version of the program, and where DynamoDB does not let us in.
    """
    names = {logical_id: os.environ[setting] for logical_id, setting in TABLE_SETTINGS.items()}
    try:
        created = _create_tables(names)
    except AWS_ERRORS as error:
        where = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB", "AWS")
        raise StartError(f"DynamoDB at {where} cannot be used: {explained(error)}") from error
    if len(created) < len(names) and not FILLING_FILE.exists():
        return False
    FILLING_FILE.touch()
    wiring.sample_data().reset(by="local-run")
    FILLING_FILE.unlink()
    return True


def _create_tables(names: dict[str, str]) -> list[str]:
    client = open_session().client("dynamodb")
    outdated = outdated_tables(client, names)
    if outdated:
        raise StartError(
            f"the local data is of an older version (table {outdated[0]}): `make reset` forgets it"
        )
    return create_tables(client, names)
