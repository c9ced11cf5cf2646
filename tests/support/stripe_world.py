"""Stripe as a test's world: sessions change when buyers act, and every change is an event that may
be delivered late, twice, or in another order.
"""

from dataclasses import dataclass, field, replace

from chalicelib.domain.orders import CheckoutSession, PaymentStatus, SessionStatus
from tests.support.fakes import FakePayments


@dataclass(frozen=True)
class Delivery:
    """A webhook event: the session as it was when the event happened."""

    id: str
    session: CheckoutSession
    payment_failed: bool = False


@dataclass
class StripeWorld(FakePayments):
    """Sessions whose buyers act. `events` are in the order they happened."""

    events: list[Delivery] = field(default_factory=list)

    def pay(self, session_id: str) -> None:
        paid = self._change(session_id, SessionStatus.COMPLETE, PaymentStatus.PAID)
        self._happened(paid)

    def promise(self, session_id: str) -> None:
        """Complete a session with a payment method whose money comes later."""
        self._happened(self._change(session_id, SessionStatus.COMPLETE, PaymentStatus.UNPAID))

    def money_arrives(self, session_id: str) -> None:
        self._happened(self._change(session_id, SessionStatus.COMPLETE, PaymentStatus.PAID))

    def money_fails(self, session_id: str) -> None:
        session = self.sessions[session_id]
        self._happened(session, payment_failed=True)

    def expire(self, session_id: str) -> None:
        self._happened(self._change(session_id, SessionStatus.EXPIRED, PaymentStatus.UNPAID))

    def _change(
        self, session_id: str, status: SessionStatus, payment: PaymentStatus
    ) -> CheckoutSession:
        self.sessions[session_id] = replace(
            self.sessions[session_id],
            status=status,
            payment_status=payment,
            payment_intent_id=f"pi_{session_id}" if status is SessionStatus.COMPLETE else None,
            url=None,
        )
        return self.sessions[session_id]

    def _happened(self, session: CheckoutSession, *, payment_failed: bool = False) -> None:
        self.events.append(Delivery(f"evt_{len(self.events)}", session, payment_failed))
