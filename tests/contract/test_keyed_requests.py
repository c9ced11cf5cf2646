"""`KeyedRequests`: the fake and the real one behave alike."""

from datetime import timedelta

import pytest

from chalicelib.services.port_types import KeyedRequest
from tests.support.builders import NOW
from tests.support.store_worlds import World

LEASE = timedelta(seconds=30)
MINE = KeyedRequest("key-1", "fingerprint", "01JNMINE000000000000000000", NOW + LEASE)
OTHER = MINE._replace(order_id="01JNOTHER00000000000000000", leased_until=NOW + 2 * LEASE)
ANSWER = {"checkoutUrl": "https://pay.example", "sessionId": "cs_1"}


def test_a_new_key_is_remembered(world: World) -> None:
    assert world.keyed_requests.begin(MINE, NOW) is None
    assert world.keyed_requests.begin(OTHER, NOW) == MINE


def test_a_request_does_not_stand_in_its_own_way(world: World) -> None:
    world.keyed_requests.begin(MINE, NOW)
    assert world.keyed_requests.begin(MINE, NOW) is None


@pytest.mark.parametrize("key", ["key-2", "KEY-1", "key-1 ", "é" * 255, "x" * 5000])
def test_another_key_is_another_request(world: World, key: str) -> None:
    world.keyed_requests.begin(MINE, NOW)
    assert world.keyed_requests.begin(MINE._replace(key=key), NOW) is None
    assert world.keyed_requests.begin(OTHER, NOW) == MINE


def test_an_answer_is_remembered_with_the_request(world: World) -> None:
    world.keyed_requests.begin(MINE, NOW)
    world.keyed_requests.finish(MINE, ANSWER, NOW)
    assert world.keyed_requests.begin(OTHER, NOW) == MINE._replace(answer=ANSWER)


def test_a_key_is_forgotten_after_a_day(world: World) -> None:
    world.keyed_requests.begin(MINE, NOW)
    almost, after = NOW + timedelta(hours=23, minutes=59), NOW + timedelta(hours=24)
    assert world.keyed_requests.begin(OTHER, almost) == MINE
    assert world.keyed_requests.begin(OTHER, after) is None
    assert world.keyed_requests.begin(MINE, after) == OTHER


def test_an_answer_is_remembered_for_a_day_from_when_it_was_given(world: World) -> None:
    world.keyed_requests.begin(MINE, NOW)
    world.keyed_requests.finish(MINE, ANSWER, NOW + timedelta(hours=1))
    found = world.keyed_requests.begin(OTHER, NOW + timedelta(hours=24, minutes=30))
    assert found == MINE._replace(answer=ANSWER)


def test_a_request_is_taken_over_once(world: World) -> None:
    world.keyed_requests.begin(MINE, NOW)
    third = OTHER._replace(order_id="01JNTHIRD00000000000000000")
    assert world.keyed_requests.take_over(MINE, OTHER, NOW)
    assert not world.keyed_requests.take_over(MINE, third, NOW)
    assert world.keyed_requests.begin(MINE, NOW) == OTHER


def test_a_request_with_an_answer_is_not_taken_over(world: World) -> None:
    world.keyed_requests.begin(MINE, NOW)
    world.keyed_requests.finish(MINE, ANSWER, NOW)
    assert not world.keyed_requests.take_over(MINE, OTHER, NOW)


def test_a_request_that_nobody_made_is_not_taken_over(world: World) -> None:
    assert not world.keyed_requests.take_over(MINE, OTHER, NOW)
    assert world.keyed_requests.begin(MINE, NOW) is None


def test_who_was_taken_over_from_answers_nothing_and_forgets_nothing(world: World) -> None:
    world.keyed_requests.begin(MINE, NOW)
    world.keyed_requests.take_over(MINE, OTHER, NOW)
    world.keyed_requests.finish(MINE, ANSWER, NOW)
    world.keyed_requests.forget(MINE, NOW)
    assert world.keyed_requests.begin(MINE, NOW) == OTHER


def test_the_same_order_under_a_later_lease_is_another_request(world: World) -> None:
    later = MINE._replace(leased_until=MINE.leased_until + LEASE)
    world.keyed_requests.begin(MINE, NOW)
    world.keyed_requests.take_over(MINE, later, NOW)
    world.keyed_requests.finish(MINE, ANSWER, NOW)
    assert world.keyed_requests.begin(OTHER, NOW) == later


def test_a_request_that_came_to_nothing_leaves_its_key(world: World) -> None:
    world.keyed_requests.begin(MINE, NOW)
    world.keyed_requests.forget(MINE, NOW)
    assert world.keyed_requests.begin(OTHER, NOW) is None


def test_forgetting_and_finishing_what_is_not_there_makes_nothing(world: World) -> None:
    world.keyed_requests.forget(MINE, NOW)
    world.keyed_requests.finish(MINE, ANSWER, NOW)
    assert world.keyed_requests.begin(OTHER, NOW) is None


def test_a_key_is_no_order(world: World) -> None:
    world.keyed_requests.begin(MINE, NOW)
    assert world.orders.get("key-1") is None
