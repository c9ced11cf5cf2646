"""Text folded for comparing: without case and without accents."""

import unicodedata


def fold(text: str) -> str:
    """Return the text in lower case, without accents, its white space single: `Zürich` → `zurich`.

    Letters that no decomposition splits (ß, ø) follow Unicode case folding only.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(bare.split())


def begins_words(query: str, text: str) -> bool:
    """Tell whether each word of the query begins a word of the text; both are folded here."""
    words = fold(text).split()
    return all(any(word.startswith(part) for word in words) for part in fold(query).split())
