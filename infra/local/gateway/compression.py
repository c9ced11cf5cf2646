"""Content codings: request bodies unpacked, responses packed, `Accept-Encoding` negotiated.

Whether the API has compression at all is the caller's to know.
"""

import gzip
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from infra.local.gateway.errors import GatewayError
from infra.local.gateway.quotas import MAX_REQUEST_BYTES
from infra.local.gateway.reply import Reply

# What zlib calls the container that a coding stands for (RFC 9110, section 8.4.1).
_CONTAINERS: Final = MappingProxyType({"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS})
# A gzip file may have several members, one after the other; each costs a copy of what follows it.
_MOST_MEMBERS: Final = 100


def _gzip(body: bytes) -> bytes:
    # A fixed time stamp: equal bodies give equal bytes, as an ETag promises.
    return gzip.compress(body, compresslevel=6, mtime=0)


_CODINGS: Final[Mapping[str, Callable[[bytes], bytes]]] = MappingProxyType(
    {"gzip": _gzip, "deflate": zlib.compress}
)


def decompress(body: bytes, content_encoding: str | None) -> bytes:
    """Take the content coding off a request's body.

    Raises `GatewayError`: UNSUPPORTED_MEDIA_TYPE for a coding that is unknown or that the body is
    not in ("Call an API method with a compressed payload"), REQUEST_TOO_LARGE past 10 MB or for
    more members than anybody packs.
    """
    coding = (content_encoding or "identity").strip().lower()
    if coding == "identity":
        return body
    if coding not in _CONTAINERS:
        raise GatewayError("UNSUPPORTED_MEDIA_TYPE")
    plain = bytearray()
    rest, members = body, 0
    try:
        while rest:
            members += 1
            if members > _MOST_MEMBERS:
                raise GatewayError("REQUEST_TOO_LARGE")
            unpacker = zlib.decompressobj(_CONTAINERS[coding])
            plain += unpacker.decompress(rest, MAX_REQUEST_BYTES + 1 - len(plain))
            if len(plain) > MAX_REQUEST_BYTES:
                raise GatewayError("REQUEST_TOO_LARGE")
            if not unpacker.eof:
                raise GatewayError("UNSUPPORTED_MEDIA_TYPE")
            rest = unpacker.unused_data
    except zlib.error as error:
        raise GatewayError("UNSUPPORTED_MEDIA_TYPE") from error
    return bytes(plain)


def should_compress(reply: Reply, accept_encoding: str | None, minimum_size: int | None) -> bool:
    """Tell whether the response is to be packed.

    The conditions are those of "Receive an API response with a compressed payload".
    """
    return (
        minimum_size is not None
        and len(reply.body) >= minimum_size
        and reply.header("content-encoding") is None
        and _preferred(accept_encoding) is not None
    )


def compress(reply: Reply, accept_encoding: str | None) -> Reply:
    """Pack the response as the client likes best. The ETag stays: it names the content."""
    coding = _preferred(accept_encoding)
    if coding is None:
        return reply
    packed = replace(reply, body=_CODINGS[coding](reply.body))
    return packed.with_headers([("Content-Encoding", coding)])


def _preferred(accept_encoding: str | None) -> str | None:
    """Pick the best coding the client names itself; `*` names none, so it does not count."""
    best: str | None = None
    best_quality = 0.0
    for entry in (accept_encoding or "").split(","):
        coding, *parameters = (part.strip().lower() for part in entry.split(";"))
        quality = _quality(parameters)
        if coding in _CODINGS and quality > best_quality:
            best, best_quality = coding, quality
    return best


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
