"""The audit trail in DynamoDB: one transaction with the change, spread over partitions, and pages
that read a bounded number of entries.
"""

import json
from datetime import timedelta

import pytest

from chalicelib.domain.audit import Subject, SubjectKind
from chalicelib.services.port_types import AuditQuery
from chalicelib.store import Stores, audit
from tests.support.audited_writes import WRITES, Write, entry, found, open_shop
from tests.support.builders import NOW, an_entry
from tests.support.store_worlds import world_of
from tests.support.tables import AUDIT, MotoTables
from tests.support.traffic import Traffic


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_the_entry_and_the_change_are_one_transaction(
    stores: Stores, traffic: Traffic, write: Write
) -> None:
    world = world_of(stores)
    open_shop(world)
    traffic.forget()

    write(world, entry(1))

    written = [
        [next(iter(item.values()))["TableName"] for item in call.body["TransactItems"]]
        for call in traffic.calls
        if call.operation == "TransactWriteItems"
    ]
    (together,) = (tables for tables in written if AUDIT in tables)
    assert set(together) - {AUDIT}
    assert together.count(AUDIT) == 1
    others = [call for call in traffic.calls if call.operation != "TransactWriteItems"]
    assert AUDIT not in json.dumps([call.body for call in others])


def test_entries_are_spread_over_the_partitions_of_the_index_by_time(
    stores: Stores, tables: MotoTables
) -> None:
    for number in range(40):
        stores.audit_trail.record(an_entry(token=f"{number * 7919:016x}"))
    shards = {item["shard"]["S"] for item in tables.scan(AUDIT)}
    assert shards == {"0", "1", "2", "3"}


def test_an_actor_is_found_among_a_subjects_entries_by_reading_so_many_and_no_more(
    stores: Stores, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_MOST_READ", 6)
    monkeypatch.setattr(audit, "_READ_AT_A_TIME", 3)
    world = world_of(stores)
    for number in range(20):
        actor = "user_2" if number in {1, 2, 9} else "user_1"
        world.audit_trail.record(entry(number, actor=actor))
    traffic.forget()

    page = world.audit_trail.find(AuditQuery(2, subject="event#1", actor="user_2"))

    assert page.items == ()
    assert page.next_after is not None
    assert traffic.operations() == ["Query", "Query"]
    assert found(world, 2, subject="event#1", actor="user_2") == [9, 2, 1]
    assert found(world, 1, subject="event#1", actor="user_2") == [9, 2, 1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"subject": "event#1"}, ["Query"]),
        ({"actor": "user_1"}, ["Query", "BatchGetItem"]),
        ({}, ["Query"] * 4 + ["BatchGetItem"]),
        ({"since": NOW, "until": NOW - timedelta(days=1)}, []),
    ],
)
def test_a_page_costs_so_many_calls_and_is_no_scan(
    stores: Stores, traffic: Traffic, query: dict[str, object], expected: list[str]
) -> None:
    for number in range(5):
        stores.audit_trail.record(entry(number))
    traffic.forget()

    stores.audit_trail.find(AuditQuery(3, **query))  # type: ignore[arg-type] # by parameter

    assert traffic.operations() == expected


def test_what_a_slug_leads_to_is_one_query(stores: Stores, traffic: Traffic) -> None:
    stores.audit_trail.record(entry(1))
    traffic.forget()
    named = stores.audit_trail.subject_named(SubjectKind.EVENT, "tech-conference")
    assert named == "event#1"
    assert traffic.operations() == ["Query"]


def test_what_has_no_slug_is_in_no_index_by_slug(stores: Stores, tables: MotoTables) -> None:
    stores.audit_trail.record(an_entry(subject=Subject.order("01J")))
    [item] = tables.scan(AUDIT)
    assert "named" not in item


def test_an_entry_that_is_gone_from_the_table_is_left_out(
    stores: Stores, traffic: Traffic, tables: MotoTables
) -> None:
    """Only an administrator of the account can do that; a page shows what there is."""
    world = world_of(stores)
    for number in range(3):
        world.audit_trail.record(entry(number))
    gone = {"subject": {"S": "event#1"}, "id": {"S": entry(1).id}}
    traffic.first("BatchGetItem", lambda: tables.client.delete_item(TableName=AUDIT, Key=gone))
    assert found(world) == [2, 0]
