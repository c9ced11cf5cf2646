"""The audit trail: every admin's write is in it, and only admins read it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.schemas.answers import AuditList
from chalicelib.services.port_types import AuditQuery
from chalicelib.store import Stores
from tests.support.answers import check_common_headers, problem, refused_field
from tests.support.fakes import FakePayments
from tests.support.lambda_api import LambdaApi, signed_in
from tests.support.routes import GOOD, GUARDED, UNSOLD, Route, open_shop, send_good
from tests.support.seeding import ORDER_ID, ticket_code
from tests.support.tables import AUDIT, ORDERS, MotoTables

URL = "/api/admin/audit"
WRITES = [route for route in GUARDED if route[0] != "GET" and "/admin/" in route[1]]
EMAIL = "ada@mail.example"


@pytest.fixture(autouse=True)
def _shop(stores: Stores, payments: FakePayments) -> None:
    open_shop(stores, payments)


def trail(stores: Stores) -> list[dict[str, Any]]:
    """All entries, latest first."""
    return [json.loads(text) for text in stores.audit_trail.find(AuditQuery(500)).items]


def change(api: LambdaApi, by: str = "user_7", **changes: Any) -> None:
    url = f"/api/admin/events/{UNSOLD}"
    assert api.request("PATCH", url, json_body=changes, caller=signed_in(by)).status == 200


def shown(api: LambdaApi, query: str = "") -> list[str]:
    """What the entries of a page say: who did what to what."""
    answer = api.get(f"{URL}{query}", caller=signed_in())
    assert answer.status == 200, answer.text
    AuditList.model_validate(answer.json)
    return [
        f"{entry['actor']['userId']} {entry['action']} {entry['subject']['slug']}"
        for entry in answer.json["entries"]
    ]


class TestWriting:
    @pytest.mark.parametrize("route", WRITES, ids=" ".join)
    def test_every_admins_write_leaves_an_entry_that_says_who_and_in_which_request(
        self, stores: Stores, route: Route
    ) -> None:
        assert send_good(route).status < 300

        entries = trail(stores)
        assert entries
        for entry in entries:
            assert entry["actor"] == {"userId": "user_1", "role": "admin"}
            assert entry["requestId"] == "req-1"

    @pytest.mark.parametrize("route", sorted(set(GOOD) - set(WRITES)), ids=" ".join)
    def test_nothing_else_leaves_one(self, stores: Stores, route: Route) -> None:
        assert send_good(route).status < 300
        assert trail(stores) == []

    @pytest.mark.parametrize("route", WRITES, ids=" ".join)
    def test_what_is_refused_leaves_none(
        self, api: LambdaApi, stores: Stores, route: Route
    ) -> None:
        parameters, body = GOOD[route]
        url = route[1].format(**parameters)
        assert api.request(route[0], url, json_body=body).status == 401
        refused = api.request(route[0], url, json_body=body, caller=signed_in(role="user"))
        assert refused.status == 403
        assert trail(stores) == []

    def test_a_change_says_which_fields_were_what(self, api: LambdaApi, stores: Stores) -> None:
        change(api, price=20.5, capacity=None, name="Loud Evening")
        [entry] = trail(stores)
        assert (entry["action"], entry["subject"]) == (
            "event_changed",
            {"kind": "event", "id": "2", "slug": UNSOLD},
        )
        assert entry["changes"] == {
            "name": {"from": "Tech Conference", "to": "Loud Evening"},
            # It followed the name.
            "alt": {"from": "Tech Conference", "to": "Loud Evening"},
            "price": {"from": 149.99, "to": 20.5},
            "capacity": {"from": 100, "to": None},
        }

    def test_a_change_that_changes_nothing_leaves_none(
        self, api: LambdaApi, stores: Stores
    ) -> None:
        change(api, name="Tech Conference")
        assert trail(stores) == []

    def test_what_was_deleted_is_told_in_full(self, api: LambdaApi, stores: Stores) -> None:
        before = api.get(f"/api/events/{UNSOLD}").json
        api.request("DELETE", f"/api/admin/events/{UNSOLD}", caller=signed_in())
        [entry] = trail(stores)
        assert entry["action"] == "event_deleted"
        for name in set(before) - {"id", "createdAt", "updatedAt", "available"}:
            if before[name] is not None:
                assert entry["changes"][name] == {"from": before[name], "to": None}

    def test_a_city_is_told_once_under_each_name(self, api: LambdaApi, stores: Stores) -> None:
        api.post("/api/admin/cities", {"name": "Porto"}, caller=signed_in())
        [entry] = trail(stores)
        assert entry["changes"] == {
            name: {"from": None, "to": value}
            for name, value in {"name": "Porto", "slug": "porto", "alt": "Porto"}.items()
        }

    def test_a_refund_tells_the_order_and_the_money_and_nothing_of_the_buyer(
        self, api: LambdaApi, stores: Stores, tables: MotoTables
    ) -> None:
        order = stores.orders.get(ORDER_ID)
        assert order is not None
        stores.orders.replace(order, replace(order, customer_email=EMAIL))
        reason = "Ada Lovelace was ill"
        url = f"/api/admin/orders/{ORDER_ID}/refund"

        api.post(url, {"amount": 10, "reason": reason}, caller=signed_in())

        [entry] = trail(stores)
        assert entry["subject"] == {"kind": "order", "id": ORDER_ID, "slug": None}
        assert entry["details"]["amount"] == 10
        assert entry["details"]["currency"] == "usd"
        assert entry["details"]["refund"]
        text = json.dumps(tables.stored(AUDIT))
        assert reason in json.dumps(tables.stored(ORDERS))
        for private in (reason, EMAIL, "pi_", "cs_test", "user_buyer"):
            assert private not in text

    def test_a_refund_that_is_asked_for_twice_is_one_entry(
        self, api: LambdaApi, stores: Stores
    ) -> None:
        for _ in range(2):
            answer = api.post(
                f"/api/admin/orders/{ORDER_ID}/refund", {"amount": 10}, caller=signed_in()
            )
            assert answer.status == 200
        assert len(trail(stores)) == 1

    def test_a_check_in_tells_the_ticket_and_not_its_code(
        self, api: LambdaApi, stores: Stores, tables: MotoTables
    ) -> None:
        url = f"/api/admin/tickets/{ticket_code()}/check-in"
        for status in (200, 409):
            assert api.post(url, {"door": "North"}, caller=signed_in()).status == status
        [entry] = trail(stores)
        assert (entry["action"], entry["details"]) == (
            "ticket_checked_in",
            {"ticket": 1, "eventId": 1},
        )
        assert ticket_code()[-16:] not in json.dumps(tables.stored(AUDIT))

    def test_an_import_leaves_an_entry_for_each_event(self, api: LambdaApi, stores: Stores) -> None:
        line = GOOD[("POST", "/api/admin/events/import")][1]
        lines = "\n".join(json.dumps({**line, "slug": f"show-{number}x"}) for number in range(3))
        answer = api.post(
            "/api/admin/events/import",
            body=lines,
            headers={"Content-Type": "application/x-ndjson"},
            caller=signed_in(),
        )
        assert answer.status == 200, answer.text
        slugs = {entry["subject"]["slug"] for entry in trail(stores)}
        assert slugs == {"show-0x", "show-1x", "show-2x"}

    def test_a_reset_leaves_the_trail_and_says_when_it_began_and_ended(
        self, api: LambdaApi, stores: Stores
    ) -> None:
        change(api, price=1)
        api.request("DELETE", "/api/admin/database/truncate", caller=signed_in())
        assert [entry["action"] for entry in trail(stores)] == [
            "database_truncated",
            "database_truncation_begun",
            "event_changed",
        ]

    def test_a_reset_that_is_cut_off_has_an_entry_all_the_same(
        self, stores: Stores, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: object) -> int:
            raise OSError("the process is gone")

        monkeypatch.setattr(type(stores.eraser), "erase_everything", fail)
        assert send_good(("DELETE", "/api/admin/database/truncate")).status == 500
        assert [entry["action"] for entry in trail(stores)] == ["database_truncation_begun"]


class TestReading:
    @pytest.fixture
    def told(self, api: LambdaApi) -> None:
        change(api, price=1)
        change(api, slug="loud-evening")
        api.request("DELETE", "/api/admin/events/loud-evening", caller=signed_in("user_8"))
        api.post("/api/admin/cities", {"name": "Porto"}, caller=signed_in("user_8"))

    ALL = (
        "user_8 city_created porto",
        "user_8 event_deleted loud-evening",
        "user_7 event_changed loud-evening",
        f"user_7 event_changed {UNSOLD}",
    )

    @pytest.mark.usefixtures("told")
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", ALL),
            ("?subject=event:2", ALL[1:]),
            # By a slug that it had, though it is gone.
            (f"?subject=event:{UNSOLD}", ALL[1:]),
            ("?subject=event:loud-evening", ALL[1:]),
            ("?subject=city:porto", ALL[:1]),
            ("?subject=event:porto", ()),
            ("?subject=event:999", ()),
            (f"?subject=order:{ORDER_ID}", ()),
            ("?actor=user_8", ALL[:2]),
            ("?actor=nobody", ()),
            ("?subject=event:2&actor=user_7", ALL[2:]),
            ("?from=2020-01-01&to=2098-12-31", ALL),
            ("?from=2098-01-01", ()),
            ("?to=2020-01-01", ()),
        ],
    )
    def test_a_filter_finds_its_entries(
        self, api: LambdaApi, query: str, expected: tuple[str, ...]
    ) -> None:
        assert shown(api, query) == list(expected)

    @pytest.mark.usefixtures("told")
    @pytest.mark.parametrize("query", ["", "&subject=event:2", "&actor=user_8"])
    def test_pages_neither_repeat_nor_skip(self, api: LambdaApi, query: str) -> None:
        whole = shown(api, f"?limit=100{query}")
        found: list[str] = []
        cursor = ""
        while True:
            page = api.get(f"{URL}?limit=1{query}{cursor}", caller=signed_in()).json
            found += [entry["id"] for entry in page["entries"]]
            if not page["pagination"]["hasMore"]:
                assert page["pagination"]["nextCursor"] is None
                break
            cursor = f"&cursor={page['pagination']['nextCursor']}"
        assert len(found) == len(set(found)) == len(whole)
        assert found == sorted(found, reverse=True)

    @pytest.mark.usefixtures("told")
    def test_a_cursor_of_another_list_is_refused(self, api: LambdaApi) -> None:
        page = api.get(f"{URL}?limit=1", caller=signed_in()).json
        cursor = page["pagination"]["nextCursor"]
        answer = api.get(f"{URL}?actor=user_8&cursor={cursor}", caller=signed_in())
        assert refused_field(answer)[0] == "cursor"

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("subject=tech-conference", "subject"),
            ("subject=buyer:1", "subject"),
            ("subject=event:", "subject"),
            ("subject=event:a%20b", "subject"),
            ("subject=", "subject"),
            ("actor=", "actor"),
            (f"actor={'x' * 256}", "actor"),
            ("from=yesterday", "from"),
            ("to=32", "to"),
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("cursor=x", "cursor"),
        ],
    )
    def test_a_bad_value_is_named(self, api: LambdaApi, query: str, field: str) -> None:
        assert refused_field(api.get(f"{URL}?{query}", caller=signed_in()))[0] == field

    def test_only_admins_read_it(self, api: LambdaApi) -> None:
        problem(api.get(URL), "UNAUTHORIZED")
        problem(api.get(URL, caller=signed_in(role="user")), "FORBIDDEN")
        answer = api.get(URL, caller=signed_in())
        check_common_headers(answer)
        assert answer.headers["cache-control"] == "no-store"
