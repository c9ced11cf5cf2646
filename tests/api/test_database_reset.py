"""Filling and emptying a stage: only where it is allowed, and never in production."""

from urllib.parse import quote

import pytest

from chalicelib.store import Stores
from tests.support.answers import problem
from tests.support.builders import NOW, an_order
from tests.support.lambda_api import Answer, LambdaApi, signed_in
from tests.support.log_lines import captured_log
from tests.support.seeding import seed_city, seed_event
from tests.support.tables import MotoTables

RESET = ["/admin/database/reset", "/api/admin/database/reset"]
TRUNCATE = ["/admin/database/truncate", "/api/admin/database/truncate"]
BOTH = [f"POST {path}" for path in RESET] + [f"DELETE {path}" for path in TRUNCATE]


def call(api: LambdaApi, method: str, path: str) -> Answer:
    return api.request(method, path, caller=signed_in())


@pytest.fixture
def shop(stores: Stores) -> None:
    seed_city(stores)
    seed_event(stores, "ours")
    stores.orders.place(an_order(event_slug="ours", created_at=NOW))


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("path", TRUNCATE)
def test_truncate_leaves_nothing_and_says_how_much_it_was(
    api: LambdaApi, tables: MotoTables, path: str
) -> None:
    answer = call(api, "DELETE", path)

    assert (answer.status, answer.json["deleted"]) == (200, 3)
    contents = tables.contents()
    # The trail outlives what it tells of.
    assert len(contents.pop("audit")) == 2
    assert not any(contents.values())
    for query in ("", "?search=tech", "?city=london", "?from=2020-01-01", "?minPrice=0"):
        assert api.get(f"/api/events{query}").json["count"] == 0
    assert api.get("/api/cities").json == {"count": 0, "cities": []}


def test_truncate_of_nothing_is_no_error(api: LambdaApi) -> None:
    assert call(api, "DELETE", TRUNCATE[0]).json["deleted"] == 0


@pytest.mark.usefixtures("shop")
def test_ids_are_not_used_again_after_a_truncate(api: LambdaApi) -> None:
    call(api, "DELETE", TRUNCATE[0])
    city = api.post("/api/admin/cities", {"name": "London"}, caller=signed_in()).json
    event = api.post(
        "/api/admin/events",
        {
            "name": "Tech Conference",
            "date": "2099-06-15",
            "citySlug": "london",
            "location": "Here",
            "organizerName": "Us",
            "price": 1,
        },
        caller=signed_in(),
    ).json

    assert (city["id"], event["id"]) == (2, 2)
    assert api.get("/api/events").json["count"] == 1


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("path", RESET)
def test_reset_puts_the_samples_in_place_of_everything(api: LambdaApi, path: str) -> None:
    answer = call(api, "POST", path)

    assert answer.status == 200
    added = answer.json
    assert api.get("/api/events/ours").status == 404
    assert api.get("/api/events").json["count"] == added["events"] >= 50
    cities = api.get("/api/cities?includeEventCount=true").json
    assert cities["count"] == added["cities"] >= 10
    assert sum(city["eventCount"] for city in cities["cities"]) == added["events"]
    # Every way of counting agrees.
    for query in ("from=2020-01-01", "minPrice=0", "orderBy=price&limit=1"):
        assert api.get(f"/api/events?{query}").json["count"] == added["events"]
    name = api.get("/api/events?limit=1").json["events"][0]["name"]
    found = api.get(f"/api/events?search={quote(name[:50])}").json["events"]
    assert name in [event["name"] for event in found]


def test_a_second_reset_gives_the_same_samples_with_new_ids(api: LambdaApi) -> None:
    call(api, "POST", RESET[0])
    first = api.get("/api/events?limit=100").json
    call(api, "POST", RESET[0])
    second = api.get("/api/events?limit=100").json

    assert [e["slug"] for e in second["events"]] == [e["slug"] for e in first["events"]]
    assert not {e["id"] for e in second["events"]} & {e["id"] for e in first["events"]}


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("route", BOTH)
@pytest.mark.parametrize(
    ("stage", "allowed"),
    [
        ("prod", "true"),
        ("production", "true"),
        ("PROD", "true"),
        ("prod-eu", "true"),
        (" Production ", "true"),
        ("", "true"),
        ("dev", "false"),
        ("dev", ""),
        ("local", "false"),
    ],
)
def test_a_stage_that_does_not_allow_it_keeps_everything(
    api: LambdaApi,
    tables: MotoTables,
    monkeypatch: pytest.MonkeyPatch,
    route: str,
    stage: str,
    allowed: str,
) -> None:
    monkeypatch.setenv("STAGE", stage)
    monkeypatch.setenv("ALLOW_DATABASE_RESET", allowed)
    before = tables.contents()

    answer = call(api, *route.split())

    assert problem(answer, "FORBIDDEN")["message"] == "this stage does not allow it"
    assert tables.contents() == before


@pytest.mark.parametrize("route", BOTH)
def test_a_flag_that_is_neither_true_nor_false_allows_nothing(
    api: LambdaApi, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    monkeypatch.setenv("ALLOW_DATABASE_RESET", "yes")

    problem(call(api, *route.split()), "INTERNAL_ERROR")


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("stage", ["dev", "local", "staging"])
def test_a_stage_that_allows_it_serves_it(
    api: LambdaApi, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.setenv("STAGE", stage)

    assert call(api, "DELETE", TRUNCATE[1]).status == 200


@pytest.mark.usefixtures("shop")
def test_a_truncate_leaves_a_line_that_says_who(api: LambdaApi) -> None:
    with captured_log() as log:
        call(api, "DELETE", TRUNCATE[0])

    (line,) = log.of("audit")
    assert (line["message"], line["by"], line["erased"]) == ("database_truncated", "user_1", 3)
