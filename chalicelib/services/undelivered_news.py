"""Events that Stripe could not deliver to the webhook: fetched from its list, and handled.

Time is gone through in windows, and the end of the last one that was handled is noted, so that a
run goes on where the one before stopped. An event that is still on its way to the webhook is
handled twice, with one effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.clock import Clock
from chalicelib.domain.payment_news import PaymentNews
from chalicelib.services.payment_news import PaymentNewsDesk
from chalicelib.services.ports import AuditLog, Meter, NewsMarker, PaymentGateway
from chalicelib.services.time_budget import TimeBudget

# What happened a moment ago may not be in Stripe's list yet, and is on its way to the webhook.
_NOT_BEFORE = timedelta(minutes=1)
# Stripe repeats an event for up to three days ("Webhooks", retry behaviour).
_FURTHEST_BACK = timedelta(days=3)
_FIRST_WINDOW = timedelta(hours=1)
# From then on an event that cannot be handled is left to those who read the log.
_GIVE_UP_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class NewsWindow:
    """What was not delivered up to a time."""

    until: datetime
    news: Sequence[PaymentNews]


class UndeliveredNews:
    """Handles what the webhook was not told."""

    def __init__(
        self,
        *,
        payments: PaymentGateway,
        desk: PaymentNewsDesk,
        marker: NewsMarker,
        clock: Clock,
        log: AuditLog,
        meter: Meter,
    ) -> None:
        self._payments = payments
        self._desk = desk
        self._marker = marker
        self._clock = clock
        self._log = log
        self._meter = meter

    def find(self) -> Sequence[NewsWindow]:
        """Return the next window in which something was not delivered, if there is one."""
        window = self._next()
        return [] if window is None else [window]

    def _next(self) -> NewsWindow | None:
        now = self._clock()
        end, length = now - _NOT_BEFORE, _FIRST_WINDOW
        since = max(self._marker.get() or now - _FURTHEST_BACK, now - 10 * _FURTHEST_BACK)
        while since < end:
            until = min(since + length, end)
            news = self._payments.undelivered_news(since, until)
            if news:
                return NewsWindow(until, news)
            self._marker.put(until)
            since, length = until, 2 * length
        return None

    def work(self, window: NewsWindow, budget: TimeBudget) -> int:
        """Handle a window and those after it, as far as the time goes; return how many events had
        an effect.

        An event that fails does not keep the next from its turn; its window is gone through again
        for a day.
        """
        done = 0
        left: NewsWindow | None = window
        while left is not None and not budget.is_up:
            handled, is_whole = self._handle(left, budget)
            done += handled
            if not is_whole:
                return done
            self._marker.put(left.until)
            left = self._next()
        return done

    def _handle(self, window: NewsWindow, budget: TimeBudget) -> tuple[int, bool]:
        done, is_whole = 0, True
        for news in window.news:
            if budget.is_up:
                return done, False
            try:
                done += self._had_effect(news)
            except Exception:  # noqa: BLE001 - whatever it is, the next event has its turn
                self._log.crash("undelivered_event_failed", {"stripeEvent": news.event_id})
                is_whole = is_whole and self._clock() - news.happened_at > _GIVE_UP_AFTER
        return done, is_whole

    def _had_effect(self, news: PaymentNews) -> bool:
        outcome = self._desk.hear(news)
        if outcome in {"repeated", "not_ours"}:
            return False
        self._log.error("undelivered_event_handled", {"stripeEvent": news.event_id})
        self._meter.count("UndeliveredEventHandled")
        return True
