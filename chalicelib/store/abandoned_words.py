"""Finishing what writers left undone who died between an event and the words it is found by."""

from typing import TYPE_CHECKING

from chalicelib.store.word_index import WordIndex

if TYPE_CHECKING:
    from chalicelib.services.ports import EventReader


class DynamoAbandonedWords:
    """`services.ports.AbandonedWords` on DynamoDB."""

    def __init__(self, words: WordIndex, events: "EventReader") -> None:
        self._words = words
        self._events = events

    def event_ids(self) -> list[int]:
        """Return the events that nobody can be working at any more."""
        return [mark.event_id for mark in self._words.marks() if mark.is_abandoned]

    def finish(self, event_id: int) -> bool:
        """Bring an event's words in step; False where that was not needed or could not be done.

        The event is read after its mark was taken over: from then on nobody else changes it. Where
        another event has its slug by now, it is gone.
        """
        abandoned = self._words.mark_of(event_id)
        if abandoned is None or not abandoned.is_abandoned:
            return False
        mark = self._words.take_over(abandoned)
        if mark is None:
            return False
        record = self._events.get(mark.slug, consistent=True)
        event = record.described() if record is not None and record.id == event_id else None
        return self._words.bring_in_step(mark, event)
