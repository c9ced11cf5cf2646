"""Slugs: the public names of events and cities."""

import re

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# The longest that anything may be given. A store cannot even look for a key of any length.
_MAX_LENGTH = 100
# Paths that stand beside the slugs of events in the admins' routes.
RESERVED = frozenset({"import", "export"})


def is_slug(text: str) -> bool:
    """Tell whether the text is a slug: words of a-z and 0-9 with single hyphens, not all digits, at
    most 100 characters, and none of the API's own words.
    """
    well_formed = len(text) <= _MAX_LENGTH and _SLUG.fullmatch(text) is not None
    return well_formed and not text.isdigit() and text not in RESERVED
