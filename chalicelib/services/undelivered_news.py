"""Events that Stripe could not deliver to the webhook: fetched from its list, and handled.

Time is gone through in windows, and how far that came is noted, so that a run goes on where the one
before stopped. An event that cannot be handled is noted too, and tried again by later runs, while
those after it have their turn. One that is still on its way to the webhook is handled twice, with
one effect.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.clock import Clock
from chalicelib.domain.payment_news import PaymentNews
from chalicelib.errors import TooBroad
from chalicelib.log_context import bind_order
from chalicelib.services.payment_news import PaymentNewsDesk
from chalicelib.services.port_types import NewsMark, TroubledEvent
from chalicelib.services.time_budget import TimeBudget

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog, Meter, NewsMarker, PaymentGateway

# What happened a moment ago may not be in Stripe's list yet, and is on its way to the webhook.
_NOT_BEFORE = timedelta(minutes=1)
# Stripe repeats an event for up to three days ("Webhooks", retry behaviour).
_FURTHEST_BACK = timedelta(days=3)
_FIRST_WINDOW = timedelta(hours=1)
# Stripe's times are whole seconds.
_SHORTEST_WINDOW = timedelta(seconds=1)
# Stripe lists the latest event first, and the oldest is to be handled first: a window has to be
# read to its end, so it must not have too many.
_MOST_IN_A_WINDOW = 300
# So many events that cannot be handled are noted. Where there are more, it is not the events: what
# follows waits until something is mended.
_MOST_TROUBLED = 50
# From then on an event that cannot be handled is left to those who read the log.
_GIVE_UP_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class NewsWindow:
    """What was not delivered of what happened between two times, oldest first."""

    since: datetime
    until: datetime
    news: Sequence[PaymentNews]

    @property
    def length(self) -> timedelta:
        """How much time it spans."""
        return self.until - self.since


class UndeliveredNews:
    """Handles what the webhook was not told."""

    def __init__(
        self,
        *,
        payments: "PaymentGateway",
        desk: PaymentNewsDesk,
        marker: "NewsMarker",
        clock: Clock,
        log: "AuditLog",
        meter: "Meter",
    ) -> None:
        self._payments = payments
        self._desk = desk
        self._marker = marker
        self._clock = clock
        self._log = log
        self._meter = meter

    def find(self) -> Sequence[NewsWindow | None]:
        """Return the next window in which something was not delivered, if there is one.

        Where there is none, None stands for events that are to be tried again.
        """
        mark = self._marker.get()
        window = self._next(mark, _FIRST_WINDOW)
        return [window] if window is not None or mark.troubled else []

    def _next(self, mark: NewsMark, length: timedelta) -> NewsWindow | None:
        now = self._clock()
        end = now - _NOT_BEFORE
        since = max(mark.until or now - _FURTHEST_BACK, now - 10 * _FURTHEST_BACK)
        while since < end:
            until = min(since + length, end)
            limit = _MOST_IN_A_WINDOW if length > _SHORTEST_WINDOW else None
            try:
                news = self._payments.undelivered_news(since, until, limit)
            except TooBroad:
                length = max((until - since) / 2, _SHORTEST_WINDOW)
                continue
            if news:
                return NewsWindow(since, until, news)
            self._marker.put(mark._replace(until=until))
            since, length = until, 2 * length
        return None

    def work(self, window: NewsWindow | None, budget: TimeBudget) -> int:
        """Try again what could not be handled before, and then handle a window and those after it,
        as far as the time goes; return how many events had an effect.
        """
        # Half of the time is for what is new, however slow the rest is.
        done = self._try_all_again(budget.share(2))
        while window is not None and not budget.is_up:
            handled, is_whole = self._handle(window, budget)
            done += handled
            following = max(2 * window.length, _SHORTEST_WINDOW)
            window = self._next(self._marker.get(), following) if is_whole else None
        return done

    def _try_all_again(self, budget: TimeBudget) -> int:
        troubled = list(self._marker.get().troubled)
        # In another order each time: slow ones must not keep others waiting.
        random.shuffle(troubled)
        done = 0
        for one in troubled:
            if budget.is_up:
                break
            done += self._try_again(one)
        return done

    def _try_again(self, troubled: TroubledEvent) -> bool:
        """Handle an event that could not be before; one that was delivered since is done."""
        at = troubled.happened_at
        listed = self._payments.undelivered_news(at, at + _SHORTEST_WINDOW)
        news = next((item for item in listed if item.event_id == troubled.event_id), None)
        had_effect = False
        bind_order(None)
        try:
            had_effect = news is not None and self._had_effect(news)
        except Exception:  # noqa: BLE001 - whatever it is, the next event has its turn
            self._log.crash("undelivered_event_failed", {"stripeEvent": troubled.event_id})
            if self._clock() - troubled.failed_at <= _GIVE_UP_AFTER:
                return False
            self._log.error("undelivered_event_given_up", {"stripeEvent": troubled.event_id})
            self._meter.count("UndeliveredEventGivenUp")
        mark = self._marker.get()
        others = tuple(one for one in mark.troubled if one != troubled)
        self._marker.put(mark._replace(troubled=others))
        return had_effect

    def _handle(self, window: NewsWindow, budget: TimeBudget) -> tuple[int, bool]:
        """Handle a window; return how many events had an effect, and whether it came to its end.

        Where it did not, the next run begins with the second of the event that it did not come to.
        """
        done, troubled = 0, list(self._marker.get().troubled)
        known = {one.event_id for one in troubled}
        for news in window.news:
            if budget.is_up:
                return self._stop(news, done, troubled)
            if news.event_id in known:
                continue
            bind_order(None)
            try:
                done += self._had_effect(news)
            except Exception:  # noqa: BLE001 - whatever it is, the next event has its turn
                self._log.crash("undelivered_event_failed", {"stripeEvent": news.event_id})
                if len(troubled) >= _MOST_TROUBLED:
                    return self._stop(news, done, troubled)
                troubled.append(TroubledEvent(news.event_id, news.happened_at, self._clock()))
        self._marker.put(NewsMark(window.until, tuple(troubled)))
        return done, True

    def _stop(
        self, news: PaymentNews, done: int, troubled: Sequence[TroubledEvent]
    ) -> tuple[int, bool]:
        self._marker.put(NewsMark(news.happened_at, tuple(troubled)))
        return done, False

    def _had_effect(self, news: PaymentNews) -> bool:
        outcome = self._desk.hear(news)
        if outcome in {"repeated", "not_ours"}:
            return False
        self._log.error("undelivered_event_handled", {"stripeEvent": news.event_id})
        self._meter.count("UndeliveredEventHandled")
        return True
