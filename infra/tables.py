"""The tables as `resources.json` declares them, created where CloudFormation does not: in the
local run and in tests.
"""

import json
from pathlib import Path
from typing import Any

RESOURCES = Path(__file__).parent / "resources.json"

# From a table's logical id to the setting that holds its name.
TABLE_SETTINGS = {
    "EventsTable": "EVENTS_TABLE",
    "CitiesTable": "CITIES_TABLE",
    "IndexTable": "INDEX_TABLE",
    "OrdersTable": "ORDERS_TABLE",
    "AuditTable": "AUDIT_TABLE",
}

# What DynamoDB's CreateTable takes of what CloudFormation takes.
_CREATE_KEYS = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


def declared_tables() -> dict[str, dict[str, Any]]:
    """Return each table's CloudFormation properties by its logical id."""
    resources: dict[str, Any] = json.loads(RESOURCES.read_text())["Resources"]
    return {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::DynamoDB::Table"
    }


def create_tables(dynamodb: Any, names: dict[str, str]) -> list[str]:  # noqa: ANN401 - boto client
    """Create the tables that do not exist yet, through a botocore or boto3 client.

    `names` gives each logical id its table's name. Returns the names of those that were created.
    """
    existing = set(dynamodb.list_tables()["TableNames"])
    created = []
    for logical_id, properties in declared_tables().items():
        name = names[logical_id]
        if name in existing:
            continue
        wanted = {key: properties[key] for key in _CREATE_KEYS if key in properties}
        dynamodb.create_table(TableName=name, **wanted)
        time_to_live = properties.get("TimeToLiveSpecification")
        if time_to_live:
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=time_to_live)
        created.append(name)
    return created


def outdated_tables(dynamodb: Any, names: dict[str, str]) -> list[str]:  # noqa: ANN401 - boto client
    """Return the names of existing tables whose indexes are not those that are declared now."""
    existing = set(dynamodb.list_tables()["TableNames"])
    return [
        names[logical_id]
        for logical_id, properties in declared_tables().items()
        if names[logical_id] in existing
        and _index_names(dynamodb.describe_table(TableName=names[logical_id])["Table"])
        != _index_names(properties)
    ]


def _index_names(table: dict[str, Any]) -> set[str]:
    return {index["IndexName"] for index in table.get("GlobalSecondaryIndexes") or ()}
