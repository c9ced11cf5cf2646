"""Slugs: the public names of events and cities."""

import re

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def is_slug(text: str) -> bool:
    """Tell whether the text is a slug: words of a-z and 0-9 with single hyphens, not all digits."""
    return _SLUG.fullmatch(text) is not None and not text.isdigit()
