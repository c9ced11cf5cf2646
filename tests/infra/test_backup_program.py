"""What `python -m infra.backup` says, and when it asks an operator to say more."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.backup import __main__ as program
from infra.backup.saving import Saving
from infra.backup.tables import Tables
from infra.operating.stage_tables import StageError
from tests.support.backups import OneStage, a_stage
from tests.support.seeding import LONG_AGO, seed_city, seed_event, seed_order

Run = Callable[..., int]


@pytest.fixture
def stage() -> Iterator[OneStage]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        yield a_stage(client, "prod")
        client.close()


@pytest.fixture
def run(stage: OneStage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """Returns what runs the program on the stage's tables, whichever stage is named."""
    monkeypatch.setattr(program, "reach_tables", lambda *_: stage.names)
    monkeypatch.chdir(tmp_path)

    def ran(work: str, *options: str) -> int:
        grace = ("--grace", "0") if work == "save" else ()
        return program.main([work, "a.jsonl.gz", "--stage", "prod", *grace, *options])

    return ran


def fill(stage: OneStage) -> None:
    seed_city(stage.stores)
    event = seed_event(stage.stores)
    seed_order(stage.stores, event, created_at=LONG_AGO)


def test_it_tells_what_was_saved_and_what_that_holds(
    stage: OneStage, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(stage)
    assert run("save") == 0
    told = capsys.readouterr().out
    assert "OrdersTable: 1 items\n" in told
    assert "It holds buyers' addresses and the codes of their tickets" in told
    assert "a.jsonl.gz: " in told


def test_production_is_restored_only_where_it_is_named_once_more(
    stage: OneStage, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(stage)
    run("save")
    before = stage.contents()
    stage.empty()
    for confirm in ((), ("--confirm", "yes"), ("--confirm", "")):
        assert run("restore", *confirm) == 1
        assert "production stage: say CONFIRM=prod; nothing was written" in capsys.readouterr().err
    assert run("restore", "--dry-run") == 0
    assert capsys.readouterr().out.endswith("nothing was written\n")
    assert stage.is_empty()
    assert run("restore", "--confirm", "prod") == 0
    assert "compared: all of it is there" in capsys.readouterr().out
    assert stage.contents() == before


def test_a_stage_that_is_not_empty_is_left_as_it_is(
    stage: OneStage, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(stage)
    run("save")
    seed_city(stage.stores, "paris")
    before = stage.contents()
    assert run("restore", "--confirm", "prod") == 1
    assert "prod is not empty" in capsys.readouterr().err
    assert stage.contents() == before
    assert run("restore", "--confirm", "prod", "--replace") == 0
    assert "deleted, which the file does not have: 1 in CitiesTable" in capsys.readouterr().out


def test_a_dry_run_tells_what_would_be_written_over_and_deleted(
    stage: OneStage, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(stage)
    run("save")
    seed_city(stage.stores, "paris")
    before = stage.contents()
    capsys.readouterr()

    assert run("restore", "--dry-run") == 0
    told = capsys.readouterr().out
    assert "prod has items already; with REPLACE=1, as it is now:\n" in told
    assert "the real run would refuse: prod is not empty (" in told
    assert "the real run would refuse: prod is a production stage: say CONFIRM=prod\n" in told
    # The other is the counter of cities, which is nobody's to delete.
    assert "CitiesTable: 2 overwritten, 1 deleted\n" in told
    assert "OrdersTable: 1 overwritten, 0 deleted\n" in told
    assert stage.contents() == before

    assert run("restore", "--dry-run", "--replace", "--confirm", "prod") == 0
    assert "would refuse" not in capsys.readouterr().out
    assert stage.contents() == before
    assert run("restore", "--replace", "--confirm", "prod") == 0
    assert "deleted, which the file does not have: 1 in CitiesTable\n" in capsys.readouterr().out


def test_a_drill_says_so_and_so_does_the_real_thing(
    stage: OneStage, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(stage)
    run("save")
    stage.empty()
    assert run("restore", "--stage", "dev", "--dry-run") == 0
    assert "buyers'\naddresses are made up" in capsys.readouterr().out
    assert run("restore", "--stage", "dev", "--as-is") == 0
    assert "the timer will ask Stripe" in capsys.readouterr().err


def test_what_does_not_add_up_is_told_and_is_a_failure(
    stage: OneStage, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(stage)
    slug = {"slug": {"S": "tech-conference"}}
    stage.change("EventsTable", slug, capacity={"N": "1"}, held={"N": "0"})
    assert run("save") == 0
    oversold = "tech-conference has 1 seats sold or held beyond its capacity"
    assert oversold in capsys.readouterr().err
    assert run("restore", "--confirm", "prod", "--replace") == 1
    told = capsys.readouterr()
    assert told.err.count(oversold) == 2
    assert "1 events were read at another moment than their orders" in told.out
    assert "compared" not in told.out


def test_what_was_lost_and_what_changed_is_told(
    stage: OneStage,
    run: Run,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(stage)
    seed_city(stage.stores, "paris")
    run("save")
    stage.empty()
    scan = Tables.scan

    def meddle(tables: Tables, table: str) -> Any:
        if table == "CitiesTable":
            stage.client.delete_item(TableName=table, Key={"slug": {"S": "paris"}})
            stage.change(table, {"slug": {"S": "london"}}, name={"S": "Elsewhere"})
            stage.put(table, {"slug": {"S": "new"}, "movedTo": {"S": "london"}})
        return scan(tables, table)

    monkeypatch.setattr(Tables, "scan", meddle)
    assert run("restore", "--confirm", "prod") == 1
    told = capsys.readouterr()
    assert "MISSING; run this again: 1 in CitiesTable" in told.err
    assert "changed since they were written: is the stage in use?: 1 in CitiesTable" in told.err
    assert "there beside the file's: 1 in CitiesTable" in told.out


def test_a_dry_backup_tells_sizes(
    stage: OneStage, run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("save", "--dry-run") == 0
    assert "EventsTable: about 0 items" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_tables_that_were_restored_to_a_point_in_time_stand_in_for_the_stages(
    stage: OneStage, run: Run, tmp_path: Path
) -> None:
    recovered = a_stage(stage.client, "prod", "recovered-")
    fill(recovered)
    options = [f"--table={name}=recovered-{name}" for name in stage.names]
    assert run("save", *options) == 0
    assert stage.is_empty()
    assert run("restore", "--confirm", "prod") == 0
    assert stage.contents() == recovered.contents()


@pytest.mark.parametrize(
    "options",
    [["--rate", "0"], ["--rate", "-1"], ["--rate", "inf"], ["--rate", "nan"], ["--rate", "fast"],
     ["--table", "Nowhere=x"], ["--table", "EventsTable="], ["--table", "EventsTable"]],
)  # fmt: skip
def test_options_that_mean_nothing_are_refused(
    run: Run, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        run("save", *options)
    assert refused.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("usage: python -m infra.backup save")
    assert f"argument {options[0]}: must be " in told


@pytest.mark.parametrize("name", ["a.txt", "a.gz", "jsonl.gz"])
def test_a_backup_has_a_name_that_git_ignores(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        program.main(["save", name])
    assert "FILE must end in .jsonl.gz" in capsys.readouterr().err


def test_without_a_file_it_asks_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["save", ""])
    assert "which file? FILE=" in capsys.readouterr().err


def test_a_stage_that_is_not_there_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(*_: object) -> dict[str, str]:
        raise StageError("nothing runs here: start `make serve` first")

    monkeypatch.setattr(program, "reach_tables", unreachable)
    assert program.main(["save", "a.jsonl.gz"]) == 1
    assert capsys.readouterr().err == "nothing runs here: start `make serve` first\n"


def test_stopping_it_is_no_crash(
    stage: OneStage,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stopped(_saving: Saving) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Saving, "run", stopped)
    assert run("save") == 1
    assert capsys.readouterr().err == "stopped; run it again\n"
