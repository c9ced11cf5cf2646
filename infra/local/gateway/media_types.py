"""Media types as API Gateway compares them with the definition's binary ones.

Nothing about codings such as gzip.
"""

from collections.abc import Iterable


def essence(header: str | None) -> str:
    """Return the header's first media type, bare and in lower case; JSON when there is none.

    API Gateway looks at the first entry of `Accept` only ("Return binary media from a Lambda proxy
    integration"), and takes a missing `Content-Type` for `application/json`.
    """
    first = (header or "").partition(",")[0].partition(";")[0].strip().lower()
    return first or "application/json"


def is_binary(header: str | None, binary_types: Iterable[str]) -> bool:
    """Tell whether the header's media type is one of the API's binary ones, wildcards included."""
    media_type = essence(header)
    main = media_type.partition("/")[0]
    return any(
        binary in ("*/*", media_type, f"{main}/*")
        for binary in (binary_type.lower() for binary_type in binary_types)
    )
