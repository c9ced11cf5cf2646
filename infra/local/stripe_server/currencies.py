"""Which currencies there are, their decimals and smallest charge. Amounts are minor units.

Sources: Stripe's pages "Supported currencies" and "Deprecation of fractional ISK charges and
refunds".
"""

_TWO_DECIMALS = frozenset({
    "aed", "afn", "all", "amd", "ang", "aoa", "ars", "aud", "awg", "azn", "bam", "bbd", "bdt",
    "bgn", "bmd", "bnd", "bob", "brl", "bsd", "bwp", "byn", "bzd", "cad", "cdf", "chf", "cny",
    "cop", "crc", "cve", "czk", "dkk", "dop", "dzd", "egp", "etb", "eur", "fjd", "fkp", "gbp",
    "gel", "gip", "gmd", "gtq", "gyd", "hkd", "hnl", "htg", "huf", "idr", "ils", "inr", "isk",
    "jmd", "kes", "kgs", "khr", "kyd", "kzt", "lak", "lbp", "lkr", "lrd", "lsl", "mad", "mdl",
    "mkd", "mmk", "mnt", "mop", "mur", "mvr", "mwk", "mxn", "myr", "mzn", "nad", "ngn", "nio",
    "nok", "npr", "nzd", "pab", "pen", "pgk", "php", "pkr", "pln", "qar", "ron", "rsd", "rub",
    "sar", "sbd", "scr", "sek", "sgd", "shp", "sle", "sos", "srd", "std", "szl", "thb", "tjs",
    "top", "try", "ttd", "twd", "tzs", "uah", "ugx", "usd", "uyu", "uzs", "wst", "xcd", "yer",
    "zar", "zmw",
})  # fmt: skip
_NO_DECIMALS = frozenset({
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf",
    "xof", "xpf",
})  # fmt: skip
_THREE_DECIMALS = frozenset({
    "bhd", "jod", "kwd", "omr", "tnd",
})  # fmt: skip

SUPPORTED = _TWO_DECIMALS | _NO_DECIMALS | _THREE_DECIMALS

LARGEST_CHARGE = 99_999_999
"""Stripe takes amounts of up to eight digits."""

# Other currencies are held against the settlement currency's minimum by the day's exchange rate,
# which there is none of here.
_SMALLEST_CHARGE = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
    "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200,
    "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip

# Sent with two decimals for compatibility, yet charged in whole units only.
_WHOLE_UNITS_ONLY = frozenset({"isk", "ugx"})


def decimals(currency: str) -> int:
    """Return how many of an amount's last digits are decimals."""
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def smallest_charge(currency: str) -> int:
    """Return the least that can be charged, in minor units."""
    return _SMALLEST_CHARGE.get(currency, 1)


def smallest_step(currency: str) -> int:
    """Return what a charge's amount must be a multiple of, in minor units."""
    if currency in _WHOLE_UNITS_ONLY:
        return 100
    # Card networks carry two decimals, so the third has to be zero.
    return 10 if currency in _THREE_DECIMALS else 1


def code_of_wrong_step(currency: str) -> str:
    """Return Stripe's code for an amount that is no such multiple."""
    if currency in _WHOLE_UNITS_ONLY:
        return "invalid_charge_amount_no_decimal_compatible"
    return "invalid_charge_amount"


def show(amount: int, currency: str) -> str:
    """Write minor units for people: `1,499.00 USD`, `1,500 JPY`, `12.340 KWD`."""
    places = decimals(currency)
    whole, part = divmod(amount, 10**places)
    number = f"{whole:,}" if places == 0 else f"{whole:,}.{part:0{places}d}"
    return f"{number} {currency.upper()}"
