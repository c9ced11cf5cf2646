"""Items as DynamoDB writes them, handed on as they come.

Botocore looks each attribute's value over for ten types, and makes a new dictionary of what it had.
Texts and numbers, which nearly all of them are, are just that already.
"""

from typing import Any

from botocore.parsers import JSONParser, ResponseParserFactory

_ITEM_VALUE = "AttributeValue"
_PROTOCOL = "json"


class ItemParser(JSONParser):  # type: ignore[misc] # botocore has no types
    """Botocore's parser of JSON answers, but for plain values of items."""

    def _handle_map(self, shape: Any, value: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - its
        if shape.value.name != _ITEM_VALUE:
            parsed: dict[str, Any] = super()._handle_map(shape, value)
            return parsed
        return {
            name: one if _is_plain(one) else self._parse_shape(shape.value, one)
            for name, one in value.items()
        }


class ItemParsers(ResponseParserFactory):  # type: ignore[misc] # botocore has no types
    """Makes a client's parser."""

    def create_parser(self, protocol_name: str) -> Any:  # noqa: ANN401 - botocore has no types
        """Return the parser of a protocol."""
        if protocol_name == _PROTOCOL:
            return ItemParser(**self._defaults)
        return super().create_parser(protocol_name)


def _is_plain(value: dict[str, Any]) -> bool:
    return len(value) == 1 and ("S" in value or "N" in value)
