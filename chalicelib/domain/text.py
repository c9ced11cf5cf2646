"""Text folded for comparing, without case and accents, and cut into the words that are searched."""

import re
import unicodedata
from collections.abc import Iterable

# Letters that no Unicode decomposition splits, as people without them on the keyboard type them.
_PLAIN_LETTERS = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "ħ": "h",
        "ŧ": "t",
    }
)
_WORD = re.compile(r"[^\W_]+")
# As long as a query may be: what lies beyond can never be asked for.
_WORD_LENGTH = 50
# An index key holds 1,024 bytes; what is left is for the time and the id at its end.
_KEY_BYTES = 900


def fold(text: str) -> str:
    """Return the text in lower case, without accents, its white space single: `Zürich` → `zurich`.

    Letters with a stroke and ligatures become what they are typed as (ø → o, æ → ae, ß → ss).
    """
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    # Marks are accents, and in other scripts vowels: with them a word would fall apart.
    bare = "".join(char for char in decomposed if unicodedata.category(char)[0] != "M")
    return " ".join(bare.casefold().translate(_PLAIN_LETTERS).split())


def fold_for_key(text: str) -> str:
    """Return the folded text, cut to what the key of an index can hold."""
    folded = fold(text)
    if len(folded) * 4 <= _KEY_BYTES:
        return folded
    return folded.encode()[:_KEY_BYTES].decode(errors="ignore")


def words(text: str) -> frozenset[str]:
    """Return the distinct folded words of a text: runs of letters and digits, cut to 50 characters.

    `Rock'n'Roll` is three words, `sao-paulo` two.
    """
    return frozenset(word[:_WORD_LENGTH] for word in _WORD.findall(fold(text)))


def query_words(query: str) -> tuple[str, ...]:
    """Return the words that a query asks for, longest first.

    A word that begins another one is left out: who finds `jazz` has found `ja`.
    """
    asked = sorted(words(query), key=lambda word: (-len(word), word))
    return tuple(
        word
        for place, word in enumerate(asked)
        if not any(longer.startswith(word) for longer in asked[:place])
    )


def begins_words(asked: Iterable[str], found: Iterable[str]) -> bool:
    """Tell whether each folded word that is asked for begins one of the folded words."""
    candidates = tuple(found)
    return all(any(word.startswith(part) for word in candidates) for part in asked)
