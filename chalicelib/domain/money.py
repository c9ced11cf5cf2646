"""Money: an integer of minor units plus an ISO 4217 currency code in lower case.

Which currencies there are, and how many decimals each has, follows Stripe's pages "Supported
currencies", "Zero-decimal currencies" with its special cases, and "Deprecation of fractional ISK
charges and refunds".
"""

from decimal import MIN_EMIN, Context, Decimal

from chalicelib.errors import InvalidInput

_ZERO_DECIMAL = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
_THREE_DECIMAL = frozenset("bhd jod kwd omr tnd".split())
_TWO_DECIMAL = frozenset(
    """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf
    chf cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf
    idr ils inr isk jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk
    mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd
    shp sle sos srd std szl thb tjs top try ttd twd tzs uah ugx usd uyu uzs wst xcd yer zar zmw
    """.split()
)
# Stripe takes these in hundredths, as it always did, and yet charges and refunds whole units only.
_WHOLE_UNITS_ONLY = frozenset({"isk", "ugx"})
CURRENCIES = _TWO_DECIMAL | _ZERO_DECIMAL | _THREE_DECIMAL
DEFAULT_CURRENCY = "usd"

# The contract takes two decimals at most. A three-decimal currency's minor amount then ends in 0,
# which is also what Stripe asks of it.
_MAX_DECIMALS = 2
# More whole digits than any amount has. A bound, so that `1e999999` is refused and not computed.
_MAX_WHOLE_DIGITS = 15
# Python's default context rounds at 28 digits, and what is left of a price is another price.
_EXACT = Context(prec=100, Emin=MIN_EMIN)


def minor_digits(currency: str) -> int:
    """Return how many digits of an amount in minor units are decimals: 0, 2 or 3."""
    if currency in _ZERO_DECIMAL:
        return 0
    return 3 if currency in _THREE_DECIMAL else 2


def decimals(currency: str) -> int:
    """Return how many decimals an amount of the currency can have: 0 or 2."""
    if currency in _WHOLE_UNITS_ONLY:
        return 0
    return min(minor_digits(currency), _MAX_DECIMALS)


def to_minor(amount: Decimal, currency: str, field: str) -> int:
    """Turn major units into minor units, exactly.

    Raises `InvalidInput` on `field` where the amount is negative, absurdly large, or has more
    decimals than the currency (or the contract's two).
    """
    if not amount.is_finite():
        raise InvalidInput.of(field, "must be a number", "finite_number")
    if amount < 0:
        raise InvalidInput.of(field, "must not be negative", "greater_than_equal")
    if amount.adjusted() >= _MAX_WHOLE_DIGITS:
        raise InvalidInput.of(field, "is too large", "less_than_equal")
    most = decimals(currency)
    exponent = _EXACT.normalize(amount).as_tuple().exponent
    if isinstance(exponent, int) and -exponent > most:
        places = "no decimals" if most == 0 else f"at most {most} decimals"
        raise InvalidInput.of(field, f"must have {places}", "decimal_max_places")
    return int(_EXACT.scaleb(amount, minor_digits(currency)))


def to_major(minor: int, currency: str) -> int | float:
    """Turn minor units into the JSON number of major units: whole as an integer, `149.99` else.

    Division of two integers is correctly rounded, and Python prints the shortest text that reads
    back as that float, so what is sent is the exact decimal up to 15 digits (the largest total
    has 11).
    """
    scale: int = 10 ** minor_digits(currency)
    whole, rest = divmod(minor, scale)
    return whole if rest == 0 else minor / scale


def to_thousandths(minor: int, currency: str) -> int:
    """Turn minor units into thousandths of a major unit, in which all currencies can be compared
    as clients see them: 20 usd and 20 jpy are the same number.
    """
    scale: int = 10 ** (3 - minor_digits(currency))
    return minor * scale
