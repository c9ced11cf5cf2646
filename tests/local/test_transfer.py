"""`python -m infra.transfer`: files of events to an API and back, over connections that fail, and
what the command says of it.
"""

import csv
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app import app
from chalicelib import wiring
from chalicelib.services import transfer_import
from infra.transfer import source
from infra.transfer.__main__ import main
from infra.transfer.access import api_key_for
from tests.support.http_server import LocalServer, Received, Reply, closed_port, serving
from tests.support.lambda_api import LambdaApi, signed_in
from tests.support.local_run import LocalRun, local_run
from tests.support.seeding import seed_city, seed_event
from tests.support.tables import MotoTables, moto_tables

HEADER = "name,slug,date,citySlug,location,organizerName,price,description"
DONE, LINES_FAILED, NOT_DONE, INTERRUPTED = 0, 1, 2, 130


@pytest.fixture(scope="module")
def shared_tables() -> Iterator[MotoTables]:
    with moto_tables() as tables:
        yield tables


@pytest.fixture
def tables(shared_tables: MotoTables, monkeypatch: pytest.MonkeyPatch) -> MotoTables:
    shared_tables.empty()
    monkeypatch.setattr(wiring, "stores", lambda: shared_tables.stores)
    seed_city(shared_tables.stores)
    return shared_tables


@dataclass
class Gateway:
    """The API's handler behind a real connection. Before a request it may do something else: what
    `instead` returns is sent in the handler's place.
    """

    api: LambdaApi = field(default_factory=lambda: LambdaApi(app))
    instead: Callable[[int], Reply | None] = lambda _: None
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def __call__(self, received: Received) -> Reply:
        planned = self.instead(next(self.numbers))
        if planned is not None:
            return planned
        if received.headers.get("authorization") != "Bearer good":
            return Reply(401, b'{"code": "UNAUTHORIZED", "message": "sign in to do this"}')
        wants_key = urlsplit(received.path).path.endswith("/export")
        if wants_key and received.headers.get("x-api-key") != "key":
            return Reply(403, b'{"code": "FORBIDDEN", "message": "this needs an API key"}')
        answer = self.api.request(
            received.method,
            received.path,
            body=received.body.decode(),
            headers={"Content-Type": received.headers.get("content-type", "")},
            caller=signed_in(),
        )
        return Reply(answer.status, answer.text.encode(), answer.headers)


@dataclass
class Desk:
    """Where the command is given."""

    folder: Path
    server: LocalServer
    gateway: Gateway
    tables: MotoTables
    captured: pytest.CaptureFixture[str]

    def file(self, text: str | bytes, name: str = "events.csv") -> Path:
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def run(self, *arguments: str | Path) -> int:
        self.captured.readouterr()
        return main([*map(str, arguments), "--api", self.server.url])

    def said(self) -> tuple[str, str]:
        """What the command wrote, without the API's own log."""
        out, err = self.captured.readouterr()
        kept = [line for line in out.splitlines() if not line.startswith('{"level"')]
        return "\n".join(kept), err

    def slugs(self) -> set[str]:
        return {item["slug"]["S"] for item in self.tables.scan("events") if "public" in item}

    def sent(self, path: str = "/import") -> list[Received]:
        return [item for item in self.server.received if urlsplit(item.path).path.endswith(path)]


@pytest.fixture
def desk(
    tables: MotoTables,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Desk]:
    monkeypatch.setenv("TOKEN", "good")
    monkeypatch.setenv("API_KEY", "key")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(source, "_LINES", 20)
    gateway = Gateway()
    with serving(gateway) as server:
        yield Desk(tmp_path, server, gateway, tables, capsys)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits; the list has how long they would have."""
    waited: list[float] = []
    monkeypatch.setattr("infra.transfer.api.time.sleep", waited.append)
    return waited


def a_row(slug: str, price: str = "20.50", description: str = "") -> str:
    return f'{slug},{slug},2099-07-01T18:00:00Z,london,Quay 4,Blue Notes,{price},"{description}"'


def a_table(*rows: str) -> str:
    return "\r\n".join([HEADER, *rows, ""])


def many(number: int) -> str:
    return a_table(*(a_row(f"event-{at}") for at in range(number)))


def test_a_file_goes_in_by_parts_and_costs_little_when_given_again(desk: Desk) -> None:
    path = desk.file(many(25))

    assert desk.run("import", path) == DONE
    assert desk.said()[0] == "25 created, 0 updated, 0 unchanged, 0 failed"
    assert desk.slugs() == {f"event-{at}" for at in range(25)}
    assert len(desk.sent()) == 2

    assert desk.run("import", path) == DONE
    assert desk.said()[0] == "0 created, 0 updated, 25 unchanged, 0 failed"


def test_errors_have_the_numbers_of_the_files_own_lines(desk: Desk) -> None:
    rows = [a_row(f"event-{at}", description="two\r\nlines") for at in range(30)]
    rows[1] = a_row("event-1", price="cheap")
    rows[25] = a_row("event-25", price="-1")
    rows[26] = a_row("event-3")
    rows[27] = "only one cell"
    path = desk.file(a_table(*rows))

    assert desk.run("import", path) == LINES_FAILED

    out, _ = desk.said()
    # The header, and two lines for each row but the one that is changed before.
    assert out.splitlines() == [
        f"{path}:4: price: must be a number (event-1)",
        f"{path}:51: price: must not be negative (event-25)",
        f"{path}:52: slug: is that of line 7 already (event-3)",
        f"{path}:53: has 1 cells, the header row 8",
        "26 created, 0 updated, 0 unchanged, 4 failed",
    ]


def test_json_lines_go_in_as_they_stand(desk: Desk) -> None:
    known = {"citySlug": "london", "location": "Quay", "organizerName": "Us", "price": 1}
    line = json.dumps({"name": "Jazz", "date": "2099-07-01", **known})
    path = desk.file(f"\ufeff{line}\r\n\n{line}\n{{", "events.jsonl")

    assert desk.run("import", path) == LINES_FAILED

    assert desk.said()[0].splitlines() == [
        f"{path}:3: slug: is that of line 1 already (jazz)",
        f"{path}:4: the body must be JSON",
        "1 created, 0 updated, 0 unchanged, 2 failed",
    ]
    assert desk.slugs() == {"jazz"}


def test_a_line_that_is_larger_than_a_body_may_be_is_not_sent(desk: Desk) -> None:
    path = desk.file(a_table(a_row("one"), a_row("two", description="x" * 100_000)))

    assert desk.run("import", path) == LINES_FAILED

    assert f"{path}:3: must not be larger than 100000 bytes (two)" in desk.said()[0]
    assert desk.slugs() == {"one"}


def test_large_lines_are_sent_a_few_at_a_time(desk: Desk) -> None:
    path = desk.file(a_table(*(a_row(f"event-{at}", description="x" * 90_000) for at in range(15))))

    assert desk.run("import", path) == LINES_FAILED
    assert [len(item.body) < 1_100_000 for item in desk.sent()] == [True, True]
    assert "0 created, 0 updated, 0 unchanged, 15 failed" in desk.said()[0]


def test_a_dry_run_writes_nothing(desk: Desk) -> None:
    path = desk.file(many(3))

    assert desk.run("import", "--dry-run", path) == DONE

    assert desk.said()[0] == (
        "3 created, 0 updated, 0 unchanged, 0 failed\n"
        "a dry run: this is what would be done, and none of it was"
    )
    assert desk.slugs() == set()


def test_what_the_api_did_not_get_to_is_asked_for_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_LINES", 200)
    monkeypatch.setattr(transfer_import, "TOGETHER", 20)
    monkeypatch.setattr(transfer_import, "BUDGET_SECONDS", -1.0)
    path = desk.file(a_table(*(a_row(f"event-{at}", price="-1") for at in range(50))))

    assert desk.run("import", path) == LINES_FAILED

    asked = [parse_qs(urlsplit(item.path).query)["fromLine"] for item in desk.sent()]
    assert asked == [["1"], ["22"], ["42"]]
    assert "0 created, 0 updated, 0 unchanged, 50 failed" in desk.said()[0]


def test_answers_that_are_lost_or_late_are_asked_for_again(desk: Desk, pauses: list[float]) -> None:
    troubles = {
        1: Reply(503, b'{"code": "UNAVAILABLE", "message": "busy"}', {"Retry-After": "7"}),
        2: Reply(429, b"<html>", {"Retry-After": "999999"}),
        3: Reply(504, b"{}", {"Retry-After": "Mon, 23 Nov 2026 10:00:00 GMT"}),
        5: Reply(500, b"[]"),
    }

    def trouble(number: int) -> Reply | None:
        if number == 4:
            # Taken in, and the answer lost.
            desk.gateway.api.request(
                "POST",
                "/api/admin/events/import",
                body=many(3),
                headers={"Content-Type": "text/csv"},
                caller=signed_in(),
            )
            return Reply(502)
        return troubles.get(number)

    desk.gateway.instead = trouble

    assert desk.run("import", desk.file(many(3))) == DONE

    out, err = desk.said()
    assert out == "0 created, 0 updated, 3 unchanged, 0 failed"
    assert pauses[:2] == [7.0, 120.0]
    assert 1.0 <= pauses[2] <= 2.0
    assert len(pauses) == 5
    assert "503 UNAVAILABLE: busy; trying again in 7.0 s" in err
    assert "429 Too Many Requests; trying again" in err


def test_an_api_that_is_gone_is_given_up_and_gone_on_with_later(
    desk: Desk, pauses: list[float]
) -> None:
    path = desk.file(many(25))
    desk.gateway.instead = lambda number: None if number == 1 else Reply(503)

    assert desk.run("import", path) == NOT_DONE

    out, err = desk.said()
    assert out == "20 created, 0 updated, 0 unchanged, 0 failed"
    assert "does not answer: 503 Service Unavailable" in err
    assert "the same command goes on from there" in err
    assert len(pauses) == 7
    desk.gateway.instead = lambda _: None
    assert desk.run("import", path) == DONE
    assert desk.said()[0] == "5 created, 0 updated, 20 unchanged, 0 failed"


def test_a_connection_that_is_refused_is_tried_again(
    desk: Desk, pauses: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(desk.file(many(1))), "--api", closed_port()]) == NOT_DONE

    assert len(pauses) == 7
    assert "ConnectError" in capsys.readouterr().err


def test_ctrl_c_says_what_was_done_and_how_to_go_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("infra.transfer.api.time.sleep", interrupt)
    desk.gateway.instead = lambda number: None if number == 1 else Reply(503)

    assert desk.run("import", desk.file(many(25))) == INTERRUPTED

    out, err = desk.said()
    assert out == "20 created, 0 updated, 0 unchanged, 0 failed"
    assert "interrupted\nWhat is done is done: the same command goes on from there." in err


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("events.txt", b"", "the name must end in .csv, .jsonl, .ndjson"),
        ("events.csv", b"", "the first row must name the columns"),
        ("events.csv", b"name,colour\n", "colour is not a known column"),
        ("events.csv", b"name\n\xe9", "events.csv:2: the file must be UTF-8"),
        ("events.csv", HEADER.encode("utf-16"), "events.csv:1: the file must be UTF-8"),
        ("missing/events.csv", None, "No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_before_anything_is_sent(
    desk: Desk, name: str, content: bytes | None, told: str
) -> None:
    path = desk.folder / name if content is None else desk.file(content, name)

    assert desk.run("import", path) == NOT_DONE
    assert told in desk.said()[1]
    assert desk.server.received == []


def test_a_token_that_is_not_good_is_told_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    monkeypatch.setenv("TOKEN", "bad")

    assert desk.run("import", desk.file(many(1))) == NOT_DONE
    assert "401 UNAUTHORIZED: sign in to do this" in desk.said()[1]
    assert pauses == []


@pytest.mark.parametrize("url", ["https://api.example/dev", "http://192.0.2.1:8000", "http://[::1"])
def test_another_machines_api_needs_a_token_and_never_gets_a_local_one(
    desk: Desk, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOKEN")

    assert main(["import", str(desk.file(many(1))), "--api", url]) == NOT_DONE
    assert f"TOKEN must hold an admin's token for {url}" in desk.said()[1]


def test_another_machines_export_needs_a_key_and_never_gets_a_local_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("API_KEY")

    assert main(["export", "out.csv", "--api", "https://api.example/dev"]) == NOT_DONE
    said = desk.said()[1]
    assert "API_KEY must hold a key of the usage plan of https://api.example/dev" in said


def test_a_key_that_the_api_does_not_know_is_told_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    monkeypatch.setenv("API_KEY", "another")

    assert desk.run("export", desk.folder / "out.csv") == NOT_DONE
    assert "403 FORBIDDEN: this needs an API key" in desk.said()[1]
    assert pauses == []
    assert list(desk.folder.iterdir()) == []


def test_a_key_goes_only_where_it_is_needed(desk: Desk) -> None:
    assert desk.run("import", desk.file(many(1))) == DONE
    assert {"x-api-key" in item.headers for item in desk.server.received} == {False}


def test_the_local_run_s_own_key_is_used_where_it_has_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for host in ("localhost", "127.0.0.1", "[::1]"):
        assert api_key_for(f"http://{host}:8000", {}) == "local-api-key"
    assert api_key_for("http://localhost", {"LOCAL_API_KEYS": "one,two"}) == "one"
    assert api_key_for("http://localhost", {"LOCAL_API_KEYS": "one", "API_KEY": "mine"}) == "mine"


def test_without_a_local_run_there_is_no_token_for_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOKEN")

    assert main(["export", "out.csv"]) == NOT_DONE
    assert "start the local run first" in desk.said()[1]


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://[::1", "http://127.0.0.1:x"])
def test_what_is_no_address_of_an_api_is_told_at_once(
    desk: Desk, url: str, pauses: list[float]
) -> None:
    assert main(["import", str(desk.file(many(1))), "--api", url]) == NOT_DONE
    assert url in desk.said()[1]
    assert pauses == []


def test_another_server_than_the_api_is_told(desk: Desk) -> None:
    desk.gateway.instead = lambda _: Reply(200, b"<html>")

    assert desk.run("import", desk.file(many(1))) == NOT_DONE
    assert "is not this API" in desk.said()[1]


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.ndjson"])
def test_a_file_of_all_events_comes_back_unchanged(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("chalicelib.services.transfer_export.MAX_BYTES", 2_000)
    for number in range(9):
        seed_event(desk.tables.stores, f"event-{number}", description="two\nlines, é")
    before = desk.tables.contents()

    assert desk.run("export", desk.folder / name) == DONE

    assert desk.said()[0].endswith(f"9 events in {desk.folder / name}")
    assert len(desk.sent("/export")) > 2
    assert desk.run("import", desk.folder / name) == DONE
    assert desk.said()[0] == "0 created, 0 updated, 9 unchanged, 0 failed"
    assert desk.tables.contents() == before


def test_a_file_that_is_not_whole_does_not_replace_one_that_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.services.transfer_export.MAX_BYTES", 1)
    for number in range(3):
        seed_event(desk.tables.stores, f"event-{number}")
    path = desk.file("whole", "out.csv")
    # The count, and two parts.
    desk.gateway.instead = lambda number: Reply(403, b"{}") if number > 3 else None

    assert desk.run("export", path) == NOT_DONE

    assert path.read_text() == "whole"
    assert [item.name for item in desk.folder.iterdir()] == ["out.csv"]


def test_an_interrupted_export_writes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("infra.transfer.api.time.sleep", interrupt)
    desk.gateway.instead = lambda _: Reply(503)

    assert desk.run("export", desk.folder / "out.csv") == INTERRUPTED
    assert "nothing was written" in desk.said()[1]
    assert list(desk.folder.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(desk: Desk) -> None:
    assert desk.run("export", desk.folder / "missing" / "out.csv") == NOT_DONE
    assert "No such file or directory" in desk.said()[1]


def test_a_bar_moves_where_somebody_sees_it_and_lines_come_elsewhere(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    path = desk.file(many(25))
    desk.gateway.instead = lambda number: Reply(503) if number == 2 else None
    assert desk.run("import", "--dry-run", path) == DONE
    assert desk.said()[1].endswith("25 of 25 lines\n")

    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", terminal)
    desk.gateway.numbers = count(1)
    assert desk.run("import", "--dry-run", path) == DONE

    assert "100%" in terminal.getvalue()
    assert "25/25" in terminal.getvalue()
    assert "503 Service Unavailable; trying again" in terminal.getvalue()


def test_a_long_transfer_says_now_and_then_how_far_it_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.transfer.progress._SECONDS_BETWEEN_LINES", -1.0)

    assert desk.run("import", "--dry-run", desk.file(many(25))) == DONE
    assert desk.said()[1].splitlines()[:2] == ["20 of 25 lines", "25 of 25 lines"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    with local_run(tmp_path_factory.mktemp("local-run")) as running:
        yield running


@pytest.mark.xdist_group("local-run")
class TestAgainstTheLocalRun:
    """The command as a program, the gateway and the store as `make serve` has them."""

    def start(self, run: LocalRun, *arguments: str) -> "subprocess.Popen[str]":
        """Give the command where the local run was started; it finds the API and a token there."""
        environment = {k: v for k, v in run.environment.items() if k != "TOKEN"}
        return subprocess.Popen(
            [sys.executable, "-m", "infra.transfer", *arguments],
            cwd=run.directory,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def count(self, run: LocalRun) -> int:
        found: int = httpx.get(run.url("/api/events?search=gala"), timeout=60).json()["count"]
        return found

    def test_a_file_is_gone_on_with_after_ctrl_c(self, run: LocalRun) -> None:
        row = a_row("gala-{0}", description="An evening of music and dance, number {0}.")
        rows = [row.replace("{0}", str(number)) for number in range(1_500)]
        (run.directory / "events.csv").write_text(a_table(*rows))

        first = self.start(run, "import", "events.csv")
        self.await_some(run)
        first.send_signal(signal.SIGINT)
        out, err = first.communicate(timeout=120)
        assert first.returncode == INTERRUPTED, err
        assert " created, 0 updated, 0 unchanged, 0 failed" in out

        second = self.start(run, "import", "events.csv")
        out, err = second.communicate(timeout=120)
        assert second.returncode == DONE, err
        created, _, unchanged, _ = (int(part.split()[0]) for part in out.strip().split(", "))
        assert created + unchanged == 1_500
        assert unchanged >= 200
        assert self.count(run) == 1_500

        third = self.start(run, "import", "events.csv")
        out, err = third.communicate(timeout=120)
        assert out.strip() == "0 created, 0 updated, 1500 unchanged, 0 failed", err

    def await_some(self, run: LocalRun) -> None:
        deadline = time.monotonic() + 60
        while self.count(run) < 200:
            assert time.monotonic() < deadline, "nothing was taken in"
            time.sleep(0.05)

    def test_the_samples_come_back_unchanged(self, run: LocalRun) -> None:
        exported = self.start(run, "export", "out.csv")
        out, err = exported.communicate(timeout=120)
        assert exported.returncode == DONE, err
        with (run.directory / "out.csv").open(newline="") as file:
            slugs = [row["slug"] for row in csv.DictReader(file)]
        assert len(slugs) == len(set(slugs))
        assert "tech-conference" in slugs

        imported = self.start(run, "import", "out.csv")
        out, err = imported.communicate(timeout=120)
        assert imported.returncode == DONE, out + err
        assert out.strip() == f"0 created, 0 updated, {len(slugs)} unchanged, 0 failed"


@pytest.mark.parametrize("command", ["import", "export"])
def test_without_a_file_it_asks_for_one(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main([command, ""])
    assert refused.value.code == NOT_DONE
    assert "which file? FILE=events.csv" in capsys.readouterr().err
