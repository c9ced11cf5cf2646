"""How seats are chosen and shared out among an event's places: none is made or lost, and no place
gives what it does not have.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.stock_places import (
    SPREADING,
    Spreading,
    added,
    choose,
    filled,
    shrunk,
    split,
)
from tests.support.builders import an_order
from tests.support.order_steps import expired, paid, refunded

SEATS = st.dictionaries(st.integers(0, 16), st.integers(0, 30), max_size=17)
WANTED = st.integers(1, 10)


@pytest.mark.parametrize(
    ("capacity", "places"),
    [(0, 0), (199, 0), (200, 4), (249, 4), (250, 5), (800, 16), (10**6, 16), (None, 16)],
)
def test_an_event_has_a_place_for_every_fifty_seats_sixteen_at_the_most(
    capacity: int | None, places: int
) -> None:
    assert SPREADING.places(capacity) == places


def test_another_rule_is_followed() -> None:
    rule = Spreading(from_seats=5, seats_a_place=2, most=3)
    assert [rule.places(capacity) for capacity in (4, 5, 6, 7, 8, None)] == [0, 2, 3, 3, 3, 3]


@given(SEATS, WANTED)
def test_what_is_chosen_is_there_and_is_as_much_as_is_wanted(
    free: dict[int, int], wanted: int
) -> None:
    chosen = choose(free, wanted)

    if chosen is None:
        assert sum(free.values()) < wanted
    else:
        assert sum(chosen.values()) == wanted
        assert all(0 < count <= free[place] for place, count in chosen.items())


@given(SEATS, WANTED)
def test_one_place_is_chosen_where_one_has_enough(free: dict[int, int], wanted: int) -> None:
    chosen = choose(free, wanted) or {}
    enough = [place for place, count in free.items() if count >= wanted]
    # The first one: who shuffles them is in nobody's way.
    assert not enough or list(chosen) == enough[:1]


@given(SEATS, WANTED)
def test_no_more_places_are_chosen_than_needed(free: dict[int, int], wanted: int) -> None:
    chosen = choose(free, wanted) or {}
    fullest = sorted(free.values(), reverse=True)
    assert not chosen or sum(fullest[: len(chosen) - 1]) < wanted


def test_what_is_below_nothing_gives_nothing() -> None:
    assert choose({1: -3, 2: 1}, 1) == {2: 1}
    assert choose({1: -3, 2: 1}, 2) is None


@given(st.integers(0, 10**12), st.integers(1, 16))
def test_a_split_is_even_and_loses_nothing(seats: int, places: int) -> None:
    shares = split(seats, range(1, places + 1))

    assert sum(shares.values()) == seats
    assert set(shares) == set(range(1, places + 1))
    assert max(shares.values()) - min(shares.values()) <= 1


@given(SEATS.filter(bool), st.data())
def test_what_is_filled_is_as_even_as_the_room_lets(
    room: dict[int, int], data: st.DataObject
) -> None:
    seats = data.draw(st.integers(0, sum(room.values())))

    shares = filled(room, seats)

    assert sum(shares.values()) == seats
    assert all(0 <= shares[place] <= room[place] for place in room)
    fullest = max(shares.values())
    # Who has less than the others, but for a rounding, has no more room.
    assert all(share >= fullest - 1 or share == room[at] for at, share in shares.items())


@given(SEATS, st.integers(0, 500))
def test_what_stays_was_there(at: dict[int, int], seats: int) -> None:
    kept = shrunk(at, seats)

    assert sum(kept.values()) == min(seats, sum(at.values()))
    assert all(0 <= count <= at[place] for place, count in kept.items())


@given(SEATS, SEATS)
def test_what_is_added_is_all_there(at: dict[int, int], more: dict[int, int]) -> None:
    total = added(at, more)
    assert all(total.get(one, 0) == at.get(one, 0) + more.get(one, 0) for one in {*at, *more})


def test_an_order_knows_where_its_seats_are() -> None:
    order = an_order(quantity=3)
    assert order.seats_at == {0: 3}
    assert an_order(quantity=3, places=((2, 1), (5, 2))).seats_at == {2: 1, 5: 2}
    assert paid(order).seats_at == {0: 3}
    assert expired(order).seats_at == {}
    assert refunded(paid(an_order()), amount=14999).seats_at == {0: 1}


def test_it_is_the_same_order_wherever_its_seats_are() -> None:
    assert an_order(places=((2, 2),)) == an_order()
