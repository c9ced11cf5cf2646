"""What people and tests may set from outside: how the next refund goes, whether events arrive.

Settings survive a restart; none is a configuration of the run.
"""

from .store import Transaction

DELIVERIES = "deliveries"
"""`SENT` (as always), `HELD` back until they are sent again, or `LOST`: never sent at all."""

SENT, HELD, LOST = "sent", "held", "lost"

NEXT_REFUND = "next_refund"
"""`SUCCEEDED` (as always), or `PENDING` or `FAILED`, which hold for one refund."""

SUCCEEDED, PENDING, FAILED = "succeeded", "pending", "failed"

CHOICES = {DELIVERIES: (SENT, HELD, LOST), NEXT_REFUND: (SUCCEEDED, PENDING, FAILED)}
"""What each switch can be set to; the first is how it is before anybody sets it."""


def get(tx: Transaction, name: str) -> str:
    """Return how a switch is set."""
    row = tx.execute("SELECT value FROM switches WHERE name = ?", name).fetchone()
    return CHOICES[name][0] if row is None else str(row[0])


def put(tx: Transaction, name: str, value: str) -> None:
    """Set a switch; KeyError or ValueError for one, or a setting, that there is not."""
    if value not in CHOICES[name]:
        raise ValueError(f"{name} is one of {', '.join(CHOICES[name])}")
    tx.execute("INSERT OR REPLACE INTO switches (name, value) VALUES (?, ?)", name, value)


def take(tx: Transaction, name: str) -> str:
    """Return how a switch is set, and set it back."""
    value = get(tx, name)
    tx.execute("DELETE FROM switches WHERE name = ?", name)
    return value
