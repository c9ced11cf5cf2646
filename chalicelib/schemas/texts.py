"""Texts made from texts: a slug from a name, safe HTML from what was typed."""

import html
import re

from chalicelib.domain.slugs import is_slug
from chalicelib.errors import InvalidInput

# Where this is nowhere, there is no tag, comment or declaration: any other `<` is text (HTML
# standard, 13.2.5.6 "Tag open state").
_MARKUP = re.compile(r"<[A-Za-z/!?]")
# What is written for a character that would do without it: a `>`, a no-break space, a `<` that
# begins no tag. An `&` is followed by what may make a character's name of it.
_ESCAPE = re.compile(r"&gt;|&nbsp;|&lt;(?![A-Za-z/!?])|&amp;(#?[0-9A-Za-z]{0,40};?)")
_CHARACTERS = {"&gt;": ">", "&lt;": "<", "&nbsp;": "\N{NO-BREAK SPACE}"}


def slug_from(name: str, max_length: int) -> str:
    """Return a slug for the name; raises `InvalidInput` where its letters make none."""
    from slugify import slugify

    slug: str = slugify(name, max_length=max_length, word_boundary=True)
    if not is_slug(slug):
        raise InvalidInput.of("slug", "cannot be made from the name; send one", "slug_from_name")
    return slug


def clean_html(text: str, allowed_tags: frozenset[str]) -> str:
    """Remove every tag but the allowed ones, all attributes, and the content of scripts.

    Text without markup stays as it was typed. In other text a character is escaped only where it
    would mean something else without: `<p>AT&T</p>` stays, and so does `&lt;b&gt;`, which becomes
    no tag. Cleaning what was cleaned changes nothing.
    """
    if _MARKUP.search(text) is None:
        return text
    # Taking a tag out can leave what reads differently, such as an item right in an item; reading
    # it once more gives what stays.
    document = _allowed(_allowed(text, allowed_tags), allowed_tags)
    natural = _ESCAPE.sub(_as_typed, document)
    return natural if _allowed(natural, allowed_tags) == document else document


def _allowed(text: str, tags: frozenset[str]) -> str:
    import nh3

    # By an empty mapping nh3 understands "beside `lang` and `title`"; this takes those away too.
    return nh3.clean(text, tags=set(tags), attributes={"*": set()})


def _as_typed(found: re.Match[str]) -> str:
    escape, following = found[0], found[1]
    if following is None:
        return _CHARACTERS[escape]
    bare = f"&{following}"
    return bare if html.unescape(bare) == bare else escape
