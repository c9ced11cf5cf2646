"""Which of several forms a client would like best, by its `Accept` header."""

import re
from collections.abc import Sequence

# RFC 9110, section 12.4.2.
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def preferred(accept: str | None, offered: Sequence[str]) -> str:
    """Return the media type that the client likes best, the first one where it does not care or
    takes none of them (RFC 9110, section 12.5.1).

    Of two that it likes equally, the one that it names more exactly: `application/json, */*` asks
    for JSON. Parameters of a media type, such as a version, are not compared.
    """
    ranges = [_read(part) for part in (accept or "*/*").split(",")]
    return max(offered, key=lambda media_type: _liking(media_type, ranges))


def _read(part: str) -> tuple[str, float]:
    """Return a range and its weight; one that cannot be read weighs nothing."""
    media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
    return media_range, float(weight) if _WEIGHT.fullmatch(weight) else 0.0


def _liking(media_type: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """Return the weight of the most exact range that the type is in, and how exact that is."""
    family = f"{media_type.partition('/')[0]}/*"
    for exactness, wanted in ((3, media_type), (2, family), (1, "*/*")):
        weights = [weight for media_range, weight in ranges if media_range == wanted]
        if weights:
            return max(weights), exactness
    return 0.0, 0
