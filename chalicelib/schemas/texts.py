"""Texts made from texts: a slug from a name, safe HTML from what was typed."""

from chalicelib.domain.slugs import is_slug
from chalicelib.errors import InvalidInput


def slug_from(name: str, max_length: int) -> str:
    """Return a slug for the name; raises `InvalidInput` where its letters make none."""
    from slugify import slugify

    slug: str = slugify(name, max_length=max_length, word_boundary=True)
    if not is_slug(slug):
        raise InvalidInput.of("slug", "cannot be made from the name; send one", "slug_from_name")
    return slug


def clean_html(text: str, allowed_tags: frozenset[str]) -> str:
    """Remove every tag but the allowed ones, all attributes, and the content of scripts.

    Text without a `<` holds no tag and stays as it was typed.
    """
    if "<" not in text:
        return text
    import nh3

    # By an empty mapping nh3 understands "beside `lang` and `title`"; this takes those away too.
    return nh3.clean(text, tags=set(allowed_tags), attributes={"*": set()})
