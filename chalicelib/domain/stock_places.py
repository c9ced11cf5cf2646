"""An event's stock in several places, so that many can buy at the same moment: how many places
there are, which of them a buyer's seats come from, and how seats are shared out among them. Without
I/O and chance: places are tried in the order given, so whoever shuffles them spreads a crowd.

Place 0 is the event's own item; a spread event has others beside it, numbered from 1.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# Numbers of seats by the places where they are.
Seats = Mapping[int, int]

OWN_PLACE = 0


@dataclass(frozen=True, slots=True)
class Spreading:
    """Whose stock is spread, and how far: events of at least `from_seats` seats, over a place for
    every `seats_a_place` of them, and over the `most` places where there is no limit.

    An event with fewer seats cannot sell so many in a second that one item would be too slow.
    """

    from_seats: int = 200
    seats_a_place: int = 50
    most: int = 16

    def places(self, capacity: int | None) -> int:
        """Return over how many places an event of this capacity is spread; 0 is none."""
        if capacity is None:
            return self.most
        if capacity < self.from_seats:
            return 0
        return min(capacity // self.seats_a_place, self.most)


SPREADING = Spreading()
# No event's stock is spread that is in its own item.
NO_SPREADING = Spreading(most=0)


def choose(free: Seats, wanted: int) -> dict[int, int] | None:
    """Return how many seats to take from which places, or None where there are too few in all.

    The first place that has enough gives all of them: a sale in one place is in the way of the
    fewest others. Where none has, the fullest give what they have.
    """
    for place, count in free.items():
        if count >= wanted:
            return {place: wanted}
    chosen: dict[int, int] = {}
    for place, count in sorted(free.items(), key=lambda entry: entry[1], reverse=True):
        if wanted and count > 0:
            chosen[place] = min(count, wanted)
            wanted -= chosen[place]
    return None if wanted else chosen


def split(seats: int, places: Iterable[int]) -> dict[int, int]:
    """Return a share of the seats for each place, as even as can be."""
    numbers = list(places)
    share, more = divmod(seats, len(numbers))
    return {place: share + (index < more) for index, place in enumerate(numbers)}


def filled(room: Seats, seats: int) -> dict[int, int]:
    """Share seats out as evenly as the room in each place lets; there is room for all of them."""
    shares: dict[int, int] = {}
    left = sorted(room, key=lambda place: room[place])
    for index, place in enumerate(left):
        shares[place] = min(room[place], seats // (len(left) - index))
        seats -= shares[place]
    return shares


def shrunk(at: Seats, seats: int) -> dict[int, int]:
    """Return where the seats are that stay, when only so many of them do."""
    kept: dict[int, int] = {}
    for place, count in at.items():
        if seats:
            kept[place] = min(count, seats)
            seats -= kept[place]
    return kept


def added(at: Seats, more: Seats) -> dict[int, int]:
    """Return where seats and further ones are."""
    return dict(Counter(at) + Counter(more))
