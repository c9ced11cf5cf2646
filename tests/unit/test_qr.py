"""Tickets' QR codes, read back by a reader that knows nothing of what wrote them.

The reader goes by ISO/IEC 18004: format, mask, codewords, their error correction, text. It knows
codes of version 3 only, which is what a ticket's code makes.
"""

import base64
import re
import struct
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.adapters.qr import qr_png, qr_png_uri, qr_svg, qr_svg_uri
from chalicelib.domain.tickets import TicketCode, read_code, ticket_secret

Matrix = list[list[bool]]
ORDER_ID = "01JNTESTABCDEFGHJKMNPQRSTV"
SIZE = 29
BORDER = 4
DOTS = 8
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
CODES = st.builds(
    lambda number, secret: str(TicketCode(ORDER_ID, number, ticket_secret(secret))),
    st.integers(1, 10),
    st.binary(min_size=10, max_size=10),
)
CODE = str(TicketCode(ORDER_ID, 1, "0123456789ABCDEF"))
# Version 3's codewords: how many blocks, and how many of a block's codewords are data, by level.
BLOCKS = {"L": (1, 55), "M": (1, 44), "Q": (2, 17), "H": (2, 13)}
LEVELS = {0b01: "L", 0b00: "M", 0b11: "Q", 0b10: "H"}


# The pictures' dots.


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    rest = png[8:]
    while rest:
        (length,) = struct.unpack(">I", rest[:4])
        kind, data = rest[4:8], rest[8 : 8 + length]
        assert zlib.crc32(kind + data) == struct.unpack(">I", rest[8 + length : 12 + length])[0]
        yield kind, data
        rest = rest[12 + length :]


def dots(png: bytes) -> Matrix:
    """A greyscale PNG of one bit a dot, as rows of whether it is dark."""
    parts = dict(chunks(png))
    width, height, *form = struct.unpack(">IIBBBBB", parts[b"IHDR"])
    assert form == [1, 0, 0, 0, 0]
    raw = zlib.decompress(parts[b"IDAT"])
    stride = 1 + (width + 7) // 8
    assert len(raw) == stride * height
    rows = []
    line = bytes(stride - 1)
    for start in range(0, len(raw), stride):
        kept = raw[start + 1 : start + stride]
        # A row is written as it is (filter 0), or as what is added to the row above (filter 2).
        assert raw[start] in {0, 2}, "a filter that this reader does not know"
        above = line if raw[start] == 2 else bytes(stride - 1)
        line = bytes((byte + up) % 256 for byte, up in zip(kept, above, strict=True))
        rows.append([not line[x // 8] >> (7 - x % 8) & 1 for x in range(width)])
    return rows


def modules_of_png(png: bytes) -> Matrix:
    """The code's modules with the white around them; each is a square of equal dots."""
    picture = dots(png)
    matrix = [row[::DOTS] for row in picture[::DOTS]]
    assert picture == [
        [dark for dark in row for _ in range(DOTS)] for row in matrix for _ in "x" * DOTS
    ]
    return matrix


def modules_of_svg(svg: str) -> Matrix:
    """The same of an SVG, whose dark path is runs of modules, each a stroke of one module."""
    root = ET.fromstring(svg)
    _, _, width, height = (int(number) for number in root.attrib["viewBox"].split())
    white, dark = root
    assert (white.attrib["fill"], white.attrib["d"]) == ("#fff", f"M0 0h{width}v{height}h-{width}z")
    assert dark.attrib["stroke"] == "#000"
    matrix = [[False] * width for _ in range(height)]
    x, y = 0.0, 0.0
    steps = re.findall(r"([Mm])(-?[\d.]+) (-?[\d.]+)h(\d+)", dark.attrib["d"])
    assert "".join(f"{m}{dx} {dy}h{run}" for m, dx, dy, run in steps) == dark.attrib["d"]
    for move, dx, dy, run in steps:
        x, y = (float(dx), float(dy)) if move == "M" else (x + float(dx), y + float(dy))
        for column in range(int(x), int(x) + int(run)):
            matrix[int(y)][column] = True
        x += int(run)
    return matrix


def without_border(matrix: Matrix) -> Matrix:
    inner = [row[BORDER:-BORDER] for row in matrix[BORDER:-BORDER]]
    assert len(inner) == len(inner[0]) == SIZE
    assert sum(map(sum, inner)) == sum(map(sum, matrix)), "something is dark beside the code"
    return inner


# The code's text.


def is_function(row: int, column: int) -> bool:
    """Whether a module is a pattern to find the code by, or its format, and so no data."""
    finder = (row < 9 and (column < 9 or column >= SIZE - 8)) or (row >= SIZE - 8 and column < 9)
    alignment = 20 <= row <= 24 and 20 <= column <= 24
    return finder or alignment or 6 in {row, column}


def format_of(matrix: Matrix) -> tuple[str, int]:
    """The level of error correction, and the mask."""
    places = [(8, c) for c in (0, 1, 2, 3, 4, 5, 7, 8)] + [(r, 8) for r in (7, 5, 4, 3, 2, 1, 0)]
    word = reduce(lambda bits, place: bits << 1 | matrix[place[0]][place[1]], places, 0) ^ 0x5412
    return LEVELS[word >> 13], word >> 10 & 7


def is_flipped(mask: int, row: int, column: int) -> bool:
    product = row * column
    return [
        (row + column) % 2 == 0,
        row % 2 == 0,
        column % 3 == 0,
        (row + column) % 3 == 0,
        (row // 2 + column // 3) % 2 == 0,
        product % 2 + product % 3 == 0,
        (product % 2 + product % 3) % 2 == 0,
        ((row + column) % 2 + product % 3) % 2 == 0,
    ][mask]


def codewords(matrix: Matrix, mask: int) -> list[int]:
    """The bytes, along the way up and down two columns at a time from the right."""
    bits: list[bool] = []
    upwards = True
    for right in (*range(SIZE - 1, 6, -2), *range(5, 0, -2)):
        for row in reversed(range(SIZE)) if upwards else range(SIZE):
            bits += [
                matrix[row][column] ^ is_flipped(mask, row, column)
                for column in (right, right - 1)
                if not is_function(row, column)
            ]
        upwards = not upwards
    return [
        reduce(lambda byte, bit: byte << 1 | bit, bits[start : start + 8], 0)
        for start in range(0, len(bits) - 7, 8)
    ]


def times(a: int, b: int) -> int:
    """The product in the field of 256 elements of ISO/IEC 18004."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return product


def assert_free_of_errors(block: list[int], corrections: int) -> None:
    """A block without errors, as a polynomial, is zero at every root of its generator."""
    root = 1
    for _ in range(corrections):
        value = 0
        for word in block:
            value = times(value, root) ^ word
        assert value == 0
        root = times(root, 2)


def data_of(words: list[int], level: str) -> list[int]:
    """The data codewords in order, out of blocks that take turns."""
    count, length = BLOCKS[level]
    data, corrections = words[: count * length], words[count * length :]
    for index in range(count):
        correction = corrections[index::count]
        assert_free_of_errors([*data[index::count], *correction], len(correction))
    return [word for index in range(count) for word in data[index::count]]


def text_of(data: list[int]) -> str:
    bits = "".join(f"{word:08b}" for word in data)
    assert bits[:4] == "0010", "not the alphanumeric mode"
    count = int(bits[4:13], 2)
    text, position = "", 13
    while len(text) < count:
        pair = count - len(text) > 1
        value = int(bits[position : position + (11 if pair else 6)], 2)
        text += ALPHABET[value // 45] + ALPHABET[value % 45] if pair else ALPHABET[value]
        position += 11 if pair else 6
    return text


def read(matrix: Matrix) -> tuple[str, str]:
    """What a code says, and its level of error correction."""
    inner = without_border(matrix)
    level, mask = format_of(inner)
    return text_of(data_of(codewords(inner, mask), level)), level


# The tests.


@settings(max_examples=30)
@given(CODES)
def test_both_pictures_of_a_code_are_read_as_that_code(code: str) -> None:
    matrix = modules_of_png(qr_png(code))
    text, level = read(matrix)

    assert text == code
    assert read_code(text) is not None
    # Level M at least: a crumpled or dirty piece of paper is still read.
    assert level in {"M", "Q", "H"}
    assert modules_of_svg(qr_svg(code)) == matrix


def test_the_reader_notices_a_single_wrong_module() -> None:
    matrix = modules_of_png(qr_png(CODE))
    matrix[BORDER + SIZE - 1][BORDER + SIZE - 1] ^= True

    with pytest.raises(AssertionError):
        read(matrix)


def test_a_code_is_drawn_alike_every_time() -> None:
    assert qr_png(CODE) == qr_png(CODE)
    assert qr_svg(CODE) == qr_svg(CODE)
    assert qr_png(CODE) != qr_png(CODE[:-1] + "0")


def test_an_svg_is_two_paths_and_nothing_that_could_act_or_load() -> None:
    svg = qr_svg(CODE)
    elements = list(ET.fromstring(svg).iter())
    namespace = "{http://www.w3.org/2000/svg}"

    assert [element.tag for element in elements] == [
        namespace + name for name in ("svg", "path", "path")
    ]
    attributes = {name for element in elements for name in element.attrib}
    assert attributes == {"viewBox", "shape-rendering", "fill", "stroke", "d"}
    assert svg.count("http") == 1, "an address besides the namespace"
    # Several of them in one page do not meet: there is no id, class or style to share.
    assert not re.search(r"\b(id|class|style|on\w+|href)=", svg)
    assert svg.startswith("<svg ")


def test_a_data_uri_holds_the_picture_whole() -> None:
    for uri, media_type, content in (
        (qr_svg_uri(CODE), "image/svg+xml", qr_svg(CODE).encode()),
        (qr_png_uri(CODE), "image/png", qr_png(CODE)),
    ):
        prefix = f"data:{media_type};base64,"
        assert uri.startswith(prefix)
        assert base64.b64decode(uri.removeprefix(prefix), validate=True) == content


@pytest.mark.parametrize("text", ["", "small", "É", 'A"onload=', "A\n"])
def test_what_is_no_code_makes_no_picture(text: str) -> None:
    for picture in (qr_svg, qr_png):
        with pytest.raises(ValueError, match="not applicable"):
            picture(text)
