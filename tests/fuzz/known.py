"""What only the running API knows, and a document cannot say: a city and an event that are there, a
checkout session that was started, an order with tickets, a page's cursor.
"""

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

import httpx

SHOP = "http://localhost:3000"
_CITY = {"name": "Kept Harbour", "slug": "kept-harbour"}
_EVENT: dict[str, Any] = {
    "name": "Kept Concert",
    "slug": "kept-concert",
    "date": "2099-07-01T18:00:00Z",
    "location": "Quay 4",
    "organizerName": "Blue Notes",
    "price": 25,
}


@dataclass(frozen=True, slots=True)
class Fresh:
    """Something that was added for one request: its slug and its entity tag."""

    slug: str
    tag: str


@dataclass(frozen=True, slots=True)
class Bought:
    """A paid order: its id, its session, which is a guest's key to it, and its first ticket."""

    order_id: str
    session_id: str
    ticket: str


class KnownThings:
    """A client of the API that keeps a city, an event and a checkout, and adds more on demand.

    Nobody may change or delete what is kept: other requests count on it.
    """

    price = int(_EVENT["price"])

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._sessions: set[str] = set()
        self._slugs: set[str] = set()

    @cached_property
    def city(self) -> str:
        """The slug of the city that is kept, added where it is not there yet."""
        self._add("/api/admin/cities", _CITY)
        return _CITY["slug"]

    @cached_property
    def event(self) -> str:
        """The slug of the event that is kept, added where it is not there yet."""
        self._add("/api/admin/events", {**_EVENT, "citySlug": self.city})
        return str(_EVENT["slug"])

    @cached_property
    def event_id(self) -> str:
        """The id of the event that is kept."""
        shown = self._client.get(f"/api/admin/events/{self.event}").raise_for_status().json()
        return str(shown["id"])

    @cached_property
    def session(self) -> str:
        """The id of a checkout session that was started."""
        started = self._client.post("/api/payments/checkout", json=self.checkout(1))
        session_id = str(started.raise_for_status().json()["sessionId"])
        self.note_session(session_id)
        return session_id

    @cached_property
    def bought(self) -> Bought:
        """A paid order that is kept."""
        return self.fresh_order()

    @cached_property
    def _free_event(self) -> str:
        """The slug of an event whose tickets cost nothing, so that they are there at once."""
        slug = "kept-open-day"
        body = {**_EVENT, "name": "Kept Open Day", "slug": slug, "price": 0}
        self._add("/api/admin/events", {**body, "citySlug": self.city})
        return slug

    def fresh_order(self) -> Bought:
        """Take tickets that nobody else uses: for nothing."""
        body = {**self.checkout(2), "eventSlug": self._free_event}
        free = {**body, "unitPrice": 0, "totalAmount": 0}
        answer = self._client.post("/api/payments/checkout", json=free).raise_for_status().json()
        session_id = str(answer["sessionId"])
        shown = self._client.get(f"/api/orders/{session_id}/tickets").raise_for_status().json()
        self.note_session(session_id)
        return Bought(str(answer["orderId"]), session_id, str(shown["tickets"][0]["code"]))

    def _add(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        answer = self._client.post(path, json=body)
        if answer.status_code != httpx.codes.CONFLICT:
            answer.raise_for_status()
        return answer

    def checkout(self, quantity: int) -> dict[str, Any]:
        """Return the body of a checkout of the kept event."""
        return {
            "eventSlug": self.event,
            "quantity": quantity,
            "unitPrice": self.price,
            "totalAmount": self.price * quantity,
            "successUrl": f"{SHOP}/thanks",
            "cancelUrl": f"{SHOP}/",
        }

    def is_kept(self, name: str) -> bool:
        """Tell whether a slug or an id is one of those that others count on."""
        return name in {self.city, self.event, self.event_id}

    def note_session(self, session_id: str) -> None:
        """Remember a checkout session that the API has given out."""
        self._sessions.add(session_id)

    def gave_session(self, session_id: str) -> bool:
        """Tell whether the API has given this checkout session out."""
        return session_id in self._sessions

    def untaken(self, slug: str | None) -> str:
        """Return the slug where it is asked about for the first time, else another."""
        with self._lock:
            chosen = f"fresh-{next(self._numbers)}" if slug in {None, *self._slugs} else str(slug)
            self._slugs.add(chosen)
            return chosen

    def fresh_city(self) -> Fresh:
        """Add a city that nobody else uses."""
        return self._fresh("/api/admin/cities", {"name": "Fresh", "slug": self.untaken(None)})

    def fresh_event(self) -> Fresh:
        """Add an event that nobody else uses."""
        return self._fresh(
            "/api/admin/events", {**_EVENT, "citySlug": self.city, "slug": self.untaken(None)}
        )

    def _fresh(self, path: str, body: Mapping[str, Any]) -> Fresh:
        answer = self._client.post(path, json=body).raise_for_status()
        return Fresh(str(body["slug"]), answer.headers["ETag"])

    def has_event(self, slug: str) -> bool:
        """Tell whether buyers can see an event of this slug."""
        answer = self._client.get(f"/api/events/{quote(slug, safe='')}")
        return answer.status_code == httpx.codes.OK

    def cursor(self, path: str, query: Mapping[str, Any]) -> str | None:
        """Return where the first page of a list ends, or None where it is the only one."""
        answer = self._client.get(path, params={**query, "limit": 1})
        if answer.status_code != httpx.codes.OK:
            return None
        if "X-Next-Cursor" in answer.headers:
            return answer.headers["X-Next-Cursor"]
        if answer.headers["Content-Type"] != "application/json":
            return None
        found: str | None = answer.json()["pagination"]["nextCursor"]
        return found
