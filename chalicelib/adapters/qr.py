"""A ticket's code as a QR code (ISO/IEC 18004), for screens and for paper. The only importer of
segno.

The pictures are the same bytes whenever they are made anew, and refer to nothing outside them.
"""

import base64
import io

import segno

# A scanner needs this much white around the code (ISO/IEC 18004, section 9.1), in modules.
_BORDER = 4
# Eight dots to a module: a whole number keeps edges sharp, and so many are enough for print.
_DOTS = 8


def qr_svg(code: str) -> str:
    """Return the picture as an SVG document: two paths, no script, style, id, text or link.

    It has a `viewBox` and no size, so that it is as large as its place is. Raises `ValueError` for
    what is no text of digits and capital letters.
    """
    file = io.BytesIO()
    _code(code).save(
        file,
        kind="svg",
        border=_BORDER,
        light="#fff",
        omitsize=True,
        svgclass=None,
        lineclass=None,
        xmldecl=False,
        nl=False,
    )
    # Rows are drawn one by one. Smoothed at their edges they would leave pale lines in between.
    return file.getvalue().decode().replace("<svg ", '<svg shape-rendering="crispEdges" ', 1)


def qr_png(code: str) -> bytes:
    """Return the picture as a PNG file, black on white; raises `ValueError` as `qr_svg` does."""
    file = io.BytesIO()
    _code(code).save(file, kind="png", border=_BORDER, scale=_DOTS)
    return file.getvalue()


def qr_svg_uri(code: str) -> str:
    """Return the SVG as a `data:` URI (RFC 2397), ready for the `src` of an `<img>`."""
    return _data_uri("image/svg+xml", qr_svg(code).encode())


def qr_png_uri(code: str) -> str:
    """Return the PNG as a `data:` URI (RFC 2397), ready for the `src` of an `<img>`."""
    return _data_uri("image/png", qr_png(code))


def _code(text: str) -> segno.QRCode:
    """Make the code; it corrects errors of 15 % (level M), or more where there is room for it.

    The alphanumeric mode needs two thirds of the bits that bytes would, which makes for larger
    modules on the same piece of paper.
    """
    return segno.make_qr(text, error="m", mode="alphanumeric", boost_error=True)


def _data_uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
