"""`GET`, `PUT`, `PATCH` and `DELETE /api/admin/events/{idOrSlug}`: an event as admins know it."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.events import EventStatus
from chalicelib.store import Stores
from tests.support.answers import EVENT_KEYS, check_common_headers, problem, refused_field
from tests.support.builders import NOW, an_order
from tests.support.lambda_api import Answer, LambdaApi, signed_in
from tests.support.log_lines import captured_log
from tests.support.routes import CHECKOUT
from tests.support.seeding import FAR_AHEAD, LONG_AGO, pay_order, seed_city, seed_event
from tests.support.tables import MotoTables

EVENT = "/api/admin/events/tech-conference"
PUBLIC = "/api/events/tech-conference"
VERBS = pytest.mark.parametrize("verb", ["PUT", "PATCH"])
NAMES = pytest.mark.parametrize("name", ["1", "tech-conference", "former-name"])


@pytest.fixture(autouse=True)
def _catalogue(stores: Stores) -> None:
    seed_city(stores)
    seed_city(stores, "porto")
    seed_event(stores)


def change(
    api: LambdaApi, changes: Any, url: str = EVENT, verb: str = "PATCH", if_match: str | None = None
) -> Answer:
    headers = None if if_match is None else {"If-Match": if_match}
    return api.request(verb, url, json_body=changes, headers=headers, caller=signed_in())


def changed(api: LambdaApi, changes: Any, url: str = EVENT) -> dict[str, Any]:
    answer = change(api, changes, url)
    assert answer.status == 200, answer.text
    event: dict[str, Any] = answer.json
    return event


def delete(api: LambdaApi, url: str = EVENT, if_match: str | None = None) -> Answer:
    headers = None if if_match is None else {"If-Match": if_match}
    return api.request("DELETE", url, headers=headers, caller=signed_in())


def seen(api: LambdaApi, url: str = EVENT) -> Answer:
    answer = api.get(url, caller=signed_in())
    assert answer.status == 200, answer.text
    return answer


def tag_of(api: LambdaApi, url: str = EVENT) -> str:
    return seen(api, url).headers["etag"]


def hold(stores: Stores, *, paid: bool = False) -> None:
    """Hold two seats, or sell them."""
    order = an_order(created_at=NOW)
    stores.orders.place(order)
    if paid:
        pay_order(stores, order)


def moved_from_its_former_name(api: LambdaApi) -> None:
    """Let the event have been called `former-name` once."""
    changed(api, {"slug": "former-name"})
    changed(api, {"slug": "tech-conference"}, "/api/admin/events/1")


class TestLooking:
    @NAMES
    def test_an_event_is_known_by_its_id_its_slug_and_its_former_slug(
        self, api: LambdaApi, name: str
    ) -> None:
        moved_from_its_former_name(api)

        answer = seen(api, f"/api/admin/events/{name}")

        check_common_headers(answer)
        assert answer.headers["cache-control"] == "no-store"
        assert list(answer.json) == [*EVENT_KEYS, "available", "held", "sold"]
        assert (answer.json["id"], answer.json["slug"]) == (1, "tech-conference")

    def test_a_draft_is_shown_to_admins(self, api: LambdaApi, stores: Stores) -> None:
        seed_event(stores, "secret", status=EventStatus.DRAFT)

        assert seen(api, "/api/admin/events/secret").json["status"] == "draft"
        problem(api.get("/api/events/secret"), "NOT_FOUND")

    def test_what_is_held_and_sold_is_shown_at_once(self, api: LambdaApi, stores: Stores) -> None:
        hold(stores)
        shown = seen(api).json
        assert (shown["available"], shown["held"], shown["sold"]) == (98, 2, 0)

        pay_order(stores, an_order())
        shown = seen(api).json
        assert (shown["available"], shown["held"], shown["sold"]) == (98, 0, 2)

    @pytest.mark.parametrize("name", ["2", "0", "nowhere", "%23totals", "a%2Fb", "9" * 200])
    @pytest.mark.parametrize("verb", ["GET", "PUT", "PATCH", "DELETE"])
    def test_what_is_not_there_is_not_found(
        self, api: LambdaApi, tables: MotoTables, verb: str, name: str
    ) -> None:
        before = tables.contents()
        url = f"/api/admin/events/{name}"

        answer = api.request(verb, url, json_body={"price": 1}, caller=signed_in())

        assert problem(answer, "NOT_FOUND")["message"] == "no such event"
        assert tables.contents() == before


class TestChanging:
    @VERBS
    @NAMES
    def test_the_keys_that_are_given_change_and_the_others_stay(
        self, api: LambdaApi, verb: str, name: str
    ) -> None:
        moved_from_its_former_name(api)
        before = seen(api).json

        answer = change(api, {"name": "Congress", "price": 20.5}, f"/api/admin/events/{name}", verb)

        assert answer.status == 200
        check_common_headers(answer)
        after = answer.json
        # The image's text was the name.
        expected = {"name": "Congress", "alt": "Congress", "price": 20.5}
        assert after == {**before, **expected, "updatedAt": after["updatedAt"]}
        assert after["updatedAt"] > before["updatedAt"]
        assert seen(api).json == after

    def test_what_was_changed_is_what_the_public_gets(self, api: LambdaApi) -> None:
        after = changed(api, {"name": "Congress", "capacity": 7, "date": "2098-01-01"})
        for key in ("held", "sold"):
            after.pop(key)

        assert api.get(PUBLIC).json == after
        after.pop("available")
        assert api.get("/api/events").json["events"] == [after]

    def test_an_event_can_be_moved_into_the_past(self, api: LambdaApi) -> None:
        assert changed(api, {"date": "2001-01-01"})["date"] == "2001-01-01T00:00:00.000Z"

    def test_a_past_event_can_still_be_described_better(
        self, api: LambdaApi, stores: Stores
    ) -> None:
        seed_event(stores, "over", date=LONG_AGO)
        assert changed(api, {"name": "Over"}, "/api/admin/events/over")["name"] == "Over"

    @pytest.mark.parametrize("body", [{}, {"name": "Tech Conference", "price": 149.99}])
    def test_what_changes_nothing_leaves_everything_as_it_was(
        self, api: LambdaApi, tables: MotoTables, body: dict[str, Any]
    ) -> None:
        before, tag = tables.contents(), tag_of(api)

        answer = change(api, body)

        assert (answer.status, answer.headers["etag"]) == (200, tag)
        assert tables.contents() == before

    def test_a_description_is_cleaned(self, api: LambdaApi) -> None:
        sent = "<p onclick='x()'>AT&T <script>alert(1)</script></p>"
        assert changed(api, {"description": sent})["description"] == "<p>AT&T </p>"

    def test_what_was_typed_comes_back_as_it_was_and_not_as_html(self, api: LambdaApi) -> None:
        typed = 'R&B "Live" <3 \' ©'
        answer = change(api, {"name": typed, "location": typed})
        assert (answer.json["name"], answer.json["location"]) == (typed, typed)
        assert "&amp;" not in answer.text

    @VERBS
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": None}, "name"),
            ({"slug": "2099"}, "slug"),
            ({"slug": None}, "slug"),
            ({"date": "soon"}, "date"),
            ({"citySlug": "atlantis"}, "citySlug"),
            ({"price": -1}, "price"),
            ({"price": 1.005}, "price"),
            ({"currency": "xyz"}, "currency"),
            ({"currency": "jpy"}, "currency"),
            ({"price": 1.5, "currency": "jpy"}, "price"),
            ({"imageUrl": "javascript:x()"}, "imageUrl"),
            ({"capacity": -1}, "capacity"),
            ({"status": "cancelled"}, "status"),
            ({"id": 7}, "id"),
            ({"sold": 0}, "sold"),
            ({"available": 100}, "available"),
        ],
    )
    def test_a_field_that_breaks_a_rule_is_named_and_nothing_is_changed(
        self, api: LambdaApi, tables: MotoTables, body: dict[str, Any], field: str, verb: str
    ) -> None:
        before = tables.contents()

        assert refused_field(change(api, body, verb=verb))[0] == field
        assert tables.contents() == before

    def test_a_change_leaves_a_line_that_says_who_what_and_which_fields(
        self, api: LambdaApi
    ) -> None:
        with captured_log() as log:
            changed(api, {"name": "Congress", "price": 1})

        (line,) = log.of("audit")
        names = ("message", "by", "event", "eventId", "changed", "requestId")
        assert {name: line[name] for name in names} == {
            "message": "event_changed",
            "by": "user_1",
            "event": "tech-conference",
            "eventId": 1,
            "changed": ["name", "alt", "price"],
            "requestId": "req-1",
        }


class TestSlugs:
    def test_an_old_link_leads_to_the_event_after_any_number_of_moves(self, api: LambdaApi) -> None:
        changed(api, {"slug": "second"})
        changed(api, {"slug": "third"}, "/api/admin/events/second")

        for slug in ("tech-conference", "second", "third"):
            assert api.get(f"/api/events/{slug}").json["slug"] == "third"
        assert api.get("/api/events").json["count"] == 1

    def test_a_slug_that_is_taken_is_a_conflict(
        self, api: LambdaApi, stores: Stores, tables: MotoTables
    ) -> None:
        seed_event(stores, "taken")
        before = tables.contents()

        body = problem(change(api, {"slug": "taken"}), "CONFLICT")

        assert body["message"] == "an event with the slug taken exists already"
        assert tables.contents() == before

    def test_a_former_slug_of_another_event_is_taken_too(
        self, api: LambdaApi, stores: Stores
    ) -> None:
        changed(api, {"slug": "renamed"})
        seed_event(stores, "another")

        problem(change(api, {"slug": "tech-conference"}, "/api/admin/events/another"), "CONFLICT")
        body = {**CREATED, "slug": "tech-conference"}
        problem(api.post("/api/admin/events", body, caller=signed_in()), "CONFLICT")

    def test_an_event_may_have_its_former_slug_back(self, api: LambdaApi) -> None:
        changed(api, {"slug": "renamed"})
        assert changed(api, {"slug": "tech-conference"})["slug"] == "tech-conference"
        assert api.get("/api/events/renamed").json["slug"] == "tech-conference"

    def test_who_has_an_old_link_can_still_buy_and_pay(
        self, api: LambdaApi, stores: Stores
    ) -> None:
        hold(stores)
        changed(api, {"slug": "renamed"})

        pay_order(stores, an_order())

        shown = seen(api, "/api/admin/events/renamed").json
        assert (shown["available"], shown["held"], shown["sold"]) == (98, 0, 2)

    @pytest.mark.usefixtures("payments")
    def test_a_checkout_under_a_former_slug_is_a_sale_of_the_event(self, api: LambdaApi) -> None:
        changed(api, {"slug": "renamed"})

        answer = api.post("/api/payments/checkout", CHECKOUT)

        assert answer.status == 201, answer.text
        assert seen(api, "/api/admin/events/renamed").json["held"] == 1


CREATED = {
    "name": "Another",
    "date": "2099-01-01",
    "citySlug": "london",
    "location": "Hall",
    "organizerName": "Us",
    "price": 1,
}


class TestMovingBetweenCities:
    def counts(self, api: LambdaApi) -> dict[str, tuple[int, int]]:
        """By city: the number that is kept, and how many are listed."""
        cities = api.get("/api/cities?includeEventCount=true").json["cities"]
        kept = {city["slug"]: city["eventCount"] for city in cities}
        listed = {slug: api.get(f"/api/events?city={slug}").json for slug in kept}
        for page in listed.values():
            assert page["count"] == len(page["events"])
        return {slug: (kept[slug], listed[slug]["count"]) for slug in kept}

    def test_an_event_takes_the_citys_name_and_is_counted_there(self, api: LambdaApi) -> None:
        assert self.counts(api) == {"london": (1, 1), "porto": (0, 0)}

        event = changed(api, {"citySlug": "porto"})

        assert (event["city"], event["citySlug"]) == ("Porto", "porto")
        assert self.counts(api) == {"london": (0, 0), "porto": (1, 1)}
        changed(api, {"citySlug": "london", "slug": "at-home"})
        assert self.counts(api) == {"london": (1, 1), "porto": (0, 0)}

    def test_the_name_of_a_city_that_is_sent_is_overruled(self, api: LambdaApi) -> None:
        assert changed(api, {"city": "Atlantis", "citySlug": "porto"})["city"] == "Porto"
        assert changed(api, {"city": "Atlantis"})["city"] == "Porto"

    def test_drafts_are_counted_nowhere_and_come_back(self, api: LambdaApi) -> None:
        changed(api, {"status": "draft", "citySlug": "porto"})
        assert self.counts(api) == {"london": (0, 0), "porto": (0, 0)}
        assert api.get("/api/events").json["count"] == 0

        changed(api, {"status": "published"})
        assert self.counts(api) == {"london": (0, 0), "porto": (1, 1)}
        assert api.get("/api/events").json["count"] == 1

    def test_days_are_counted_by_the_date_that_is_now(self, api: LambdaApi) -> None:
        changed(api, {"date": "2099-12-24T20:00:00Z"})

        def counted(query: str) -> int:
            page = api.get(f"/api/events?{query}").json
            assert page["count"] == len(page["events"])
            return len(page["events"])

        assert counted("from=2099-06-15&to=2099-06-15") == 0
        assert counted("from=2099-12-24&to=2099-12-24") == 1
        assert counted("from=2099-12-24&city=london") == 1


class TestStock:
    @pytest.mark.parametrize("paid", [False, True])
    def test_a_capacity_below_what_is_sold_and_held_is_a_conflict(
        self, api: LambdaApi, stores: Stores, tables: MotoTables, paid: bool
    ) -> None:
        hold(stores, paid=paid)
        before = tables.contents()

        for body in ({"capacity": 1}, {"capacity": 0}, {"capacity": 1, "slug": "renamed"}):
            message = problem(change(api, body), "CONFLICT")["message"]
            assert message == "2 seats are sold or held: the capacity cannot be lower"

        assert tables.contents() == before
        assert changed(api, {"capacity": 2})["available"] == 0

    def test_more_seats_are_free_at_once_and_no_limit_is_null(
        self, api: LambdaApi, stores: Stores
    ) -> None:
        hold(stores)
        assert changed(api, {"capacity": 150})["available"] == 148
        assert changed(api, {"capacity": None})["available"] is None
        assert changed(api, {"capacity": 10})["available"] == 8

    def test_a_cancelled_event_cannot_be_put_on_sale_again(
        self, api: LambdaApi, stores: Stores
    ) -> None:
        seed_event(stores, "off", status=EventStatus.CANCELLED)
        for status in ("published", "draft"):
            answer = change(api, {"status": status}, "/api/admin/events/off")
            assert "stays cancelled" in problem(answer, "CONFLICT")["message"]


class TestTwoAdminsAtOnce:
    """`If-Match` gives a 412 to the one who is late."""

    @pytest.mark.parametrize("page", [EVENT, PUBLIC, "/api/admin/events/1"])
    def test_the_tag_of_any_page_of_the_event_is_taken(self, api: LambdaApi, page: str) -> None:
        tag = tag_of(api, page)

        assert change(api, {"name": "First"}, if_match=tag).status == 200
        late = problem(change(api, {"name": "Late"}, if_match=tag), "PRECONDITION_FAILED")

        assert late["message"] == "this event has been changed since; read it again"
        assert seen(api).json["name"] == "First"

    def test_the_tag_of_an_answer_is_good_for_the_next_change(self, api: LambdaApi) -> None:
        tag = tag_of(api)
        for name in ("First", "Second", "Third"):
            answer = change(api, {"name": name}, if_match=tag)
            assert answer.status == 200
            assert answer.headers["etag"] != tag
            tag = answer.headers["etag"]

    @pytest.mark.parametrize("page", [EVENT, PUBLIC])
    def test_a_sale_in_between_changes_the_tag_and_is_no_conflict(
        self, api: LambdaApi, stores: Stores, page: str
    ) -> None:
        tag = tag_of(api, page)
        hold(stores)

        assert tag_of(api, page) != tag
        assert change(api, {"name": "First"}, if_match=tag).status == 200

    def test_payment_changes_the_admins_tag_too(self, api: LambdaApi, stores: Stores) -> None:
        hold(stores)
        held, public = tag_of(api), tag_of(api, PUBLIC)
        pay_order(stores, an_order())

        assert tag_of(api) != held
        # The public sees as many free seats as before.
        assert tag_of(api, PUBLIC) == public

    @pytest.mark.parametrize("condition", ["*", " * ", '"a", {}', '{}, "b"', 'W/"a",{}'])
    def test_conditions_that_hold(self, api: LambdaApi, condition: str) -> None:
        tag = tag_of(api)
        answer = change(api, {"name": "Mine"}, if_match=condition.format(tag))
        assert answer.status == 200

    @pytest.mark.parametrize("condition", ['"a"', '"a", "b"', "W/{}", '"*"', '""'])
    def test_conditions_that_do_not_hold(
        self, api: LambdaApi, tables: MotoTables, condition: str
    ) -> None:
        tag, before = tag_of(api), tables.contents()
        sent = condition.format(tag)

        problem(change(api, {"name": "Mine"}, if_match=sent), "PRECONDITION_FAILED")
        problem(delete(api, if_match=sent), "PRECONDITION_FAILED")

        assert tables.contents() == before

    @pytest.mark.parametrize("condition", ["", "a", '"a', 'a"', '"a" "b"', "W/", "*, *", "w/{}"])
    def test_a_malformed_condition_is_not_passed_over(
        self, api: LambdaApi, tables: MotoTables, condition: str
    ) -> None:
        tag, before = tag_of(api), tables.contents()
        sent = condition.format(tag)

        for answer in (change(api, {"name": "Mine"}, if_match=sent), delete(api, if_match=sent)):
            assert refused_field(answer)[0] == "If-Match"

        assert tables.contents() == before

    def test_another_events_tag_is_another_state(self, api: LambdaApi, stores: Stores) -> None:
        seed_event(stores, "another")
        tag = tag_of(api, "/api/admin/events/another")
        problem(change(api, {"name": "Mine"}, if_match=tag), "PRECONDITION_FAILED")

    def test_without_a_condition_both_are_made(self, api: LambdaApi) -> None:
        changed(api, {"name": "First"})
        changed(api, {"price": 1})
        assert (seen(api).json["name"], seen(api).json["price"]) == ("First", 1)


class TestDeleting:
    @NAMES
    def test_a_deleted_event_is_gone_everywhere(
        self, api: LambdaApi, tables: MotoTables, name: str
    ) -> None:
        moved_from_its_former_name(api)

        answer = delete(api, f"/api/admin/events/{name}")

        assert (answer.status, answer.text) == (204, "")
        check_common_headers(answer)
        for slug in ("tech-conference", "former-name"):
            assert api.get(f"/api/events/{slug}").status == 404
        for query in ("", "?city=london", "?search=tech", "?from=2020-01-01", "?minPrice=0"):
            assert api.get(f"/api/events{query}").json["count"] == 0
        cities = api.get("/api/cities?includeEventCount=true").json["cities"]
        assert {city["eventCount"] for city in cities} == {0}
        assert [item["slug"] for item in tables.scan("events")] == [{"S": "#totals"}]
        problem(delete(api), "NOT_FOUND")

    def test_its_slugs_are_free_again(self, api: LambdaApi) -> None:
        moved_from_its_former_name(api)
        delete(api)
        for slug in ("tech-conference", "former-name"):
            body = {**CREATED, "slug": slug}
            assert api.post("/api/admin/events", body, caller=signed_in()).status == 201

    @pytest.mark.parametrize(
        ("paid", "message"),
        [
            (True, "tickets of this event are sold; cancel it instead"),
            (False, "seats of this event are held by open checkouts; try again later"),
        ],
    )
    def test_an_event_with_buyers_stays(
        self, api: LambdaApi, stores: Stores, tables: MotoTables, paid: bool, message: str
    ) -> None:
        hold(stores, paid=paid)
        before = tables.contents()

        assert problem(delete(api), "CONFLICT")["message"] == message
        assert tables.contents() == before

    def test_only_the_state_that_was_seen_is_deleted(self, api: LambdaApi) -> None:
        tag = tag_of(api)
        changed(api, {"name": "Worth keeping"})

        problem(delete(api, if_match=tag), "PRECONDITION_FAILED")
        assert delete(api, if_match=tag_of(api)).status == 204

    @pytest.mark.parametrize("status", list(EventStatus))
    def test_every_status_may_go(self, api: LambdaApi, stores: Stores, status: EventStatus) -> None:
        seed_event(stores, "other", status=status, date=FAR_AHEAD + timedelta(days=1))
        assert delete(api, "/api/admin/events/other").status == 204
        assert api.get("/api/admin/events", caller=signed_in()).json["count"] == 1

    def test_a_deletion_leaves_a_line_that_says_who_and_what(self, api: LambdaApi) -> None:
        with captured_log() as log:
            delete(api)

        (line,) = log.of("audit")
        names = ("message", "by", "event", "eventId", "requestId")
        assert [line[name] for name in names] == [
            "event_deleted",
            "user_1",
            "tech-conference",
            1,
            "req-1",
        ]

    def test_a_body_is_not_looked_at(self, api: LambdaApi) -> None:
        answer = api.request("DELETE", EVENT, body="no json", caller=signed_in())
        assert answer.status == 204


def test_hundreds_of_words_are_found_and_go_with_the_text_that_had_them(
    api: LambdaApi, tables: MotoTables
) -> None:
    words = " ".join(f"word{number}" for number in range(200))
    changed(api, {"description": words})

    for number in (0, 99, 199):
        assert api.get(f"/api/events?search=word{number}").json["count"] == 1
    changed(api, {"description": ""})
    assert api.get("/api/events?search=word").json["count"] == 0
    assert not [item for item in tables.scan("index") if "word" in item["entry"]["S"]]
