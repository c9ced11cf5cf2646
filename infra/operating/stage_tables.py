"""Which tables a stage has, and how they are reached from this machine."""

import json
import os
from collections.abc import Mapping

from chalicelib.settings import LOCAL_STAGE, StoreSettings
from infra.local.settings import ENDPOINTS_FILE, read_local_run
from infra.tables import TABLE_SETTINGS


class StageError(Exception):
    """The stage is not there, or not reachable; the text says what to do."""


def reach_stage(stage: str, stack: str | None = None) -> StoreSettings:
    """Return the tables of a stage and set this process up to reach them.

    The local stage's are those of the running `make serve`; another's are the outputs of its stack
    (`events-api-<stage>` unless named), by the AWS credentials of the environment. Raises
    `StageError`, also where that stack is another stage's.
    """
    return StoreSettings.read(_reach(stage, stack))


def reach_tables(stage: str, stack: str | None = None) -> dict[str, str]:
    """Return the names of all declared tables by their logical ids, as `reach_stage` does."""
    settings = _reach(stage, stack)
    return {logical_id: settings[setting] for logical_id, setting in TABLE_SETTINGS.items()}


def _reach(stage: str, stack: str | None) -> Mapping[str, str]:
    return (
        _reach_local() if stage == LOCAL_STAGE else _outputs(stage, stack or f"events-api-{stage}")
    )


def _reach_local() -> Mapping[str, str]:
    try:
        endpoints = json.loads(ENDPOINTS_FILE.read_text())
    except FileNotFoundError:
        raise StageError("nothing runs here: start `make serve` first") from None
    environment = dict(read_local_run().environment)
    environment["AWS_ENDPOINT_URL_DYNAMODB"] = endpoints["dynamodb"]
    for name, value in environment.items():
        if name.startswith("AWS_"):
            os.environ[name] = value
        if not value:
            os.environ.pop(name, None)
    return environment


def _outputs(stage: str, stack: str) -> Mapping[str, str]:
    # The local stage is reached without any of it.
    from infra.deploying.errors import AWS_ERRORS, explained
    from infra.deploying.stack_stage import wrong_stage
    from infra.deploying.stacks import find_stack
    from infra.operating.aws_session import open_session, stay_in_region

    try:
        session = open_session()
        found = find_stack(session.client("cloudformation"), stack)
        wrong = wrong_stage(found, stage, session.client) if found else None
    except AWS_ERRORS as error:
        raise StageError(f"the stack {stack} cannot be looked at: {explained(error)}") from error
    if found is None:
        raise StageError(f"there is no stack {stack} in {session.region_name}")
    if wrong:
        raise StageError(f"refused: nothing was done. {wrong}")
    stay_in_region(session.region_name)
    outputs = found.outputs
    missing = [name for name in TABLE_SETTINGS if f"{name}Name" not in outputs]
    if missing:
        raise StageError(f"the stack {stack} has no output {missing[0]}Name")
    return {setting: outputs[f"{name}Name"] for name, setting in TABLE_SETTINGS.items()}
