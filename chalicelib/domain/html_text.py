"""The text of a cleaned description as its reader sees it, for calendars and for searching."""

import html
import re

# Tags as the cleaning of descriptions leaves them: in lower case, without attributes. Any other
# `<` in a cleaned description is text.
_LINE_TAG = re.compile(r"</?(?:p|ul|ol)>|<li>|<br>")
_INLINE_TAG = re.compile(r"</?(?:strong|em)>|</li>")
# Python refuses to read decimal numbers of thousands of digits; no character has such a number.
_ENDLESS_NUMBER = re.compile(r"&#[0-9]{32,};?")
_NO_CHARACTER = "\ufffd"


def plain_text(description: str) -> str:
    """Return the text of a cleaned description: no tags, its character references decoded.

    A line break and a list's item begin a line, a paragraph one after an empty line; lines carry no
    white space at their ends, and the text neither begins nor ends with a line that is empty. The
    time is linear in the length.
    """
    bare = _INLINE_TAG.sub("", _LINE_TAG.sub("\n", description))
    text = html.unescape(_ENDLESS_NUMBER.sub(_NO_CHARACTER, bare))
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        stripped = line.strip()
        if stripped or (lines and lines[-1]):
            lines.append(stripped)
    return "\n".join(lines).rstrip("\n")
