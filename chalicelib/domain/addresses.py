"""E-mail addresses: which of them mail can be sent to, and nothing about who they are."""

import re

MAX_LENGTH = 254
_MAX_LOCAL_PART = 64

# A dot-atom before the @ and a host's name of two labels or more behind it (RFC 5321, sections
# 4.1.2 and 4.5.3.1), in ASCII, since Amazon SES takes no other. Quoted local parts and addresses of
# hosts by number are left out: nobody has one, and half of all programs misread them. So are
# encoded words (RFC 2047), which are atoms to one program and hidden text to the next.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
PATTERN = (
    rf"(?=[^@]{{1,{_MAX_LOCAL_PART}}}@)(?![^@]*=\?)"
    rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+"
)
"""A regular expression of them, as Python and ECMA 262 both read it; all but the length."""

_ADDRESS = re.compile(PATTERN)


def is_address(text: str) -> bool:
    """Tell whether mail can be sent to the text, as far as its form goes."""
    return len(text) <= MAX_LENGTH and _ADDRESS.fullmatch(text) is not None
