"""Tickets' codes: they can be read back, and not be guessed."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.tickets import TicketCode, read_code, ticket_secret

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SECRETS = st.binary(min_size=10, max_size=10).map(ticket_secret)
CODES = st.builds(
    TicketCode,
    order_id=st.text(ALPHABET, min_size=26, max_size=26),
    number=st.integers(min_value=1, max_value=10),
    secret=SECRETS,
)


@given(CODES)
def test_a_code_is_read_as_what_it_was_made_of(code: TicketCode) -> None:
    assert read_code(str(code)) == code


@given(CODES)
def test_a_code_may_be_typed_in_small_letters(code: TicketCode) -> None:
    assert read_code(str(code).lower()) == code


@given(CODES)
def test_a_code_fits_the_compact_mode_of_a_qr_code(code: TicketCode) -> None:
    assert len(str(code)) == 44
    assert set(str(code)) <= set(ALPHABET)


@given(st.text())
def test_no_text_makes_the_reader_stumble(text: str) -> None:
    code = read_code(text)
    assert code is None or str(code) == text.upper()


def test_what_is_no_code_is_none() -> None:
    code = str(TicketCode("0" * 26, 1, "A" * 16))
    no_codes = (
        "",
        code[:-1],
        code + "0",
        f" {code}",
        f"{code}\n",
        code.replace("A", "U"),
        code.replace("01AA", "0xAA"),
        # Digits, but not those of a code.
        code.replace("01AA", "\u0660\u0661AA"),
    )
    assert [read_code(text) for text in no_codes] == [None] * len(no_codes)


@given(st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_every_bit_of_chance_is_in_the_secret(one: bytes, other: bytes) -> None:
    assert (ticket_secret(one) == ticket_secret(other)) == (one == other)


@given(CODES, SECRETS)
def test_only_the_tickets_own_secret_is_its_secret(code: TicketCode, secret: str) -> None:
    assert code.has_secret(code.secret)
    assert code.has_secret(secret) == (secret == code.secret)
