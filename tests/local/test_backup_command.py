"""`make backup` and `make restore` as an operator runs them, on a local run with many items: also
killed in the middle, and again.
"""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest

from chalicelib.domain.orders import HistoryEntry, OrderStatus
from chalicelib.store.order_items import order_item
from tests.conftest import TABLES
from tests.support.backups import OneStage, assert_adds_up
from tests.support.builders import an_order
from tests.support.local_run import ROOT, LocalRun, local_run
from tests.support.seeding import LONG_AGO

pytestmark = pytest.mark.xdist_group("local-run")

ORDERS = 1_500


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    directory = tmp_path_factory.mktemp("backup-run")
    (directory / ".venv").symlink_to((ROOT / ".venv").resolve())
    with local_run(directory) as running:
        yield running


@pytest.fixture(scope="module")
def stage(run: LocalRun) -> Iterator[OneStage]:
    """The local stage, with some thousand orders."""
    client = boto3.client(
        "dynamodb",
        endpoint_url=run.endpoints["dynamodb"],
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    stage = OneStage("local", client, TABLES)
    add_orders(stage)
    yield stage
    client.close()


def add_orders(stage: OneStage) -> None:
    """Put orders beside those that were bought; the seats of event 1 are theirs."""
    items = [
        order_item(
            an_order(
                id=f"01JZX5K7Q8M9N0P1R2S3T{number:05d}",
                session_id=f"cs_test_{number}",
                quantity=1,
                status=OrderStatus.PAID,
                tickets=(f"{number:016d}",),
                customer_email=f"ada{number}@mail.example",
                created_at=LONG_AGO,
                updated_at=LONG_AGO,
                paid_at=LONG_AGO,
                due_at=None,
                history=(HistoryEntry(LONG_AGO, OrderStatus.PAID, "evt"),),
            )
        ).serialize()
        for number in range(ORDERS)
    ]
    for start in range(0, ORDERS, 25):
        requests = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
        stage.client.batch_write_item(RequestItems={"orders": requests})
    [event] = [item for item in stage.items("EventsTable") if item.get("id") == {"N": "1"}]
    key = {"slug": event["slug"]}
    numbers = {"sold": {"N": str(ORDERS)}, "held": {"N": "0"}, "free": {"N": "0"}}
    public = event["public"]["S"].replace(
        f'"capacity":{event["capacity"]["N"]}', f'"capacity":{ORDERS}'
    )
    stage.change("EventsTable", key, capacity={"N": str(ORDERS)}, public={"S": public}, **numbers)


def command(run: LocalRun, target: str, *variables: str) -> list[str]:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    ready = f".venv/ready-{version}"
    return [
        *("make", "-s", "-f", str(ROOT / "Makefile"), "-o", ready, "-o", "requirements-dev.lock"),
        *(f"PYTHON={sys.executable}", target, *variables),
    ]


def make(run: LocalRun, target: str, *variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(run, target, *variables),
        cwd=run.directory,
        env=run.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def killed(run: LocalRun, when: Any, target: str, *variables: str) -> None:
    """Run a command and kill it, and what it started, once something holds."""
    process = subprocess.Popen(
        command(run, target, *variables),
        cwd=run.directory,
        env=run.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not when():
        assert process.poll() is None, "it was over before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)


def is_restoring(stage: OneStage) -> bool:
    found = stage.client.query(
        TableName="index",
        KeyConditionExpression="term = :term",
        ExpressionAttributeValues={":term": {"S": "#restore"}},
    )
    return bool(found["Items"])


def test_a_stage_comes_back_after_it_was_lost(run: LocalRun, stage: OneStage) -> None:
    # Its stock is in one item: places are not restored as they were (tests/infra/test_backup.py).
    checkout = run.buy(quantity=2, slug="serverless-in-practice")
    before = stage.contents()
    done = make(run, "backup", "FILE=whole.jsonl.gz", "GRACE=0")
    assert done.returncode == 0, done.stderr
    assert f"OrdersTable: {ORDERS + 1:,} items" in done.stdout.replace(
        # The timer's note may be there already.
        f"{ORDERS + 2:,}",
        f"{ORDERS + 1:,}",
    )
    assert "It holds buyers' addresses" in done.stdout
    assert stat.S_IMODE((run.directory / "whole.jsonl.gz").stat().st_mode) == 0o600

    stage.empty()
    assert httpx.get(run.url("/api/events")).json()["count"] == 0
    done = make(run, "restore", "FILE=whole.jsonl.gz")
    assert done.returncode == 0, done.stderr
    assert "compared: all of it is there" in done.stdout
    assert stage.contents() == before
    assert_adds_up(stage)

    # What was being bought before the loss can be paid after it.
    assert httpx.get(run.url("/api/events?search=jazz")).json()["count"] >= 1
    assert run.press(checkout, "pay").status_code == 303
    session = checkout["sessionId"]
    found = httpx.get(run.url(f"/api/payments/verify/{session}")).json()
    assert found["order"]["status"] == "paid"


def test_nothing_is_written_without_leave(run: LocalRun, stage: OneStage) -> None:
    assert make(run, "backup", "FILE=leave.jsonl.gz", "GRACE=0").returncode == 0
    before = stage.contents()
    refused = make(run, "restore", "FILE=leave.jsonl.gz")
    assert refused.returncode != 0
    assert "REPLACE=1 deletes what is not in the file" in refused.stderr
    for replace in ((), ("REPLACE=1",)):
        dry = make(run, "restore", "FILE=leave.jsonl.gz", "DRY_RUN=1", *replace)
        assert (dry.returncode, dry.stdout.splitlines()[-1]) == (0, "nothing was written")
        assert ("the real run would refuse: local is not empty" in dry.stdout) is not bool(replace)
    for content in (b"", (run.directory / "leave.jsonl.gz").read_bytes()[:-9]):
        (run.directory / "bad.jsonl.gz").write_bytes(content)
        bad = make(run, "restore", "FILE=bad.jsonl.gz", "REPLACE=1")
        assert bad.returncode != 0
        assert "nothing of it is used" in bad.stderr
    assert make(run, "restore", "FILE=", "REPLACE=1").returncode != 0
    assert stage.contents() == before


def test_a_dry_backup_tells_what_it_would_read(run: LocalRun, stage: OneStage) -> None:
    done = make(run, "backup", "FILE=dry.jsonl.gz", "DRY_RUN=1")
    assert done.returncode == 0
    assert "OrdersTable: about" in done.stdout
    assert not (run.directory / "dry.jsonl.gz").exists()


def test_a_backup_that_was_killed_leaves_no_file_and_can_be_made_again(
    run: LocalRun, stage: OneStage
) -> None:
    part = run.directory / "killed.jsonl.gz.part"

    killed(run, part.exists, "backup", "FILE=killed.jsonl.gz", "GRACE=60")
    assert not (run.directory / "killed.jsonl.gz").exists()
    assert stat.S_IMODE(part.stat().st_mode) == 0o600
    done = make(run, "backup", "FILE=killed.jsonl.gz", "GRACE=0")
    assert done.returncode == 0, done.stderr
    assert (run.directory / "killed.jsonl.gz").exists()
    assert not part.exists()


def test_a_restore_that_was_killed_can_be_run_again(run: LocalRun, stage: OneStage) -> None:
    assert make(run, "backup", "FILE=again.jsonl.gz", "GRACE=0").returncode == 0
    before = stage.contents()
    stage.empty()

    def is_half_way() -> bool:
        found = stage.client.scan(TableName="orders", Select="COUNT", Limit=100)
        return is_restoring(stage) and found["Count"] == 100

    killed(run, is_half_way, "restore", "FILE=again.jsonl.gz", "RATE=100")
    assert is_restoring(stage)
    assert stage.contents() != before
    refused = make(run, "backup", "FILE=half.jsonl.gz", "GRACE=0")
    assert "a restore was cut off here" in refused.stderr
    done = make(run, "restore", "FILE=again.jsonl.gz")
    assert done.returncode == 0, done.stderr
    assert stage.contents() == before
    assert not is_restoring(stage)
