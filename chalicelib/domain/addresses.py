"""E-mail addresses: which of them mail can be sent to, and nothing about who they are."""

import re

MAX_LENGTH = 254
_MAX_LOCAL_PART = 64

# A dot-atom before the @ and a host's name of two labels or more behind it (RFC 5321, sections
# 4.1.2 and 4.5.3.1), in ASCII, since Amazon SES takes no other. Quoted local parts and addresses of
# hosts by number are left out: hardly anybody has one, and programs misread them. So is the
# question mark, without which there is no encoded word (RFC 2047): an atom to one program, and
# hidden text to the next.
_LETTER = r"[A-Za-z0-9!#$%&'*+/=^_`{|}~-]"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
PATTERN = rf"{_LETTER}(?:\.?{_LETTER}){{0,{_MAX_LOCAL_PART - 1}}}@{_LABEL}(?:\.{_LABEL})+"
"""A regular expression of them, as Python and ECMA 262 both read it; dots may make them longer than
they can be."""

_ADDRESS = re.compile(PATTERN)
_NAMED = re.compile(r'(?P<name>[^<>"]*|"[^<>"]*" *)<(?P<address>[^<>"]*)>')


def is_address(text: str) -> bool:
    """Tell whether mail can be sent to the text, as far as its form goes."""
    if len(text) > MAX_LENGTH or text.find("@") > _MAX_LOCAL_PART:
        return False
    return _ADDRESS.fullmatch(text) is not None


def named_address(text: str) -> tuple[str, str]:
    """Return the name and the address of `Name <a@b.example>`; of other text no name, and itself as
    the address.
    """
    parts = _NAMED.fullmatch(text)
    if parts is None:
        return "", text
    return parts["name"].strip().strip('"').strip(), parts["address"]
