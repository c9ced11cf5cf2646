"""Reading lists of events off the API's answers."""

from typing import Any
from urllib.parse import quote

from tests.support.lambda_api import LambdaApi


def slugs(page: dict[str, Any]) -> list[str]:
    return [event["slug"] for event in page["events"]]


def walk(api: LambdaApi, url: str) -> list[str]:
    """Follow `nextCursor` from the first page to the last."""
    found: list[str] = []
    cursor = ""
    while True:
        page = api.get(f"{url}{cursor}").json
        found += slugs(page)
        following = page["pagination"]["nextCursor"]
        assert page["pagination"]["hasMore"] is (following is not None)
        if following is None:
            return found
        cursor = f"&cursor={quote(following)}"
