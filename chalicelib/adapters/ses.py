"""E-mails by Amazon SES, through botocore's client of its API v2. What is in them is in `mail`."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import botocore.config
import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.deadline import DeadlineExceeded, within
from chalicelib.adapters.mail import Mail, confirmation
from chalicelib.domain.clock import Clock, utc_now
from chalicelib.domain.events import EventRecord
from chalicelib.domain.orders import Order
from chalicelib.errors import MailProviderError
from chalicelib.settings import MailSettings

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog

# SES answers in a few hundred milliseconds. Whoever sends an e-mail has a buyer or Stripe waiting,
# and the timer sends what was not sent now, so an SES that is slow is soon given up.
_CONNECT_TIMEOUT_SECONDS = 1.0
_READ_TIMEOUT_SECONDS = 2.0
_DEADLINE_SECONDS = 5.0
# One more try, for a throttle or a connection that was lost while Lambda froze the function.
_ATTEMPTS = 2
# What will be refused tomorrow too: the address or the e-mail itself (Amazon SES API v2,
# "SendEmail", "Errors"; `InvalidParameterValue` is the query API's word for it).
_FINAL_REFUSALS = frozenset({"BadRequestException", "InvalidParameterValue", "MessageRejected"})
# A sender that is yet to be verified, or an account that may write to verified addresses only, is
# "rejected" as well; an operator mends that, and the e-mails are sent then.
_UNVERIFIED = "not verified"


class SesMailer:
    """`services.ports.Mailer` on Amazon SES.

    `session` may be one that a client was made of before: what botocore has read of AWS's endpoints
    is not read again then. Region, credentials and endpoint (`AWS_ENDPOINT_URL_SESV2`) are
    botocore's own business.
    """

    def __init__(
        self,
        settings: MailSettings,
        log: "AuditLog",
        session: botocore.session.Session | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._settings = settings
        self._log = log
        self._session = session
        self._clock = clock
        self._lock = threading.Lock()
        self._made: Any = None

    def send_confirmation(self, order: Order, event: EventRecord | None) -> None:
        """Send the confirmation of a paid order with its tickets to the buyer.

        Raises `MailProviderError` where SES did not take it, or not in time. In the latter case the
        e-mail may yet be sent: SES knows no idempotency key. It is a permanent one where SES takes
        no such address or e-mail.
        """
        mail = confirmation(order, event, self._settings, self._clock())
        with self._mapped_errors(order):
            within(_DEADLINE_SECONDS, lambda: self._send(mail))

    def _send(self, mail: Mail) -> None:
        self._client().send_email(
            # The envelope is told apart from the headers: nothing in the e-mail adds a reader.
            Destination={"ToAddresses": [mail.recipient]},
            Content={"Raw": {"Data": mail.content}},
        )

    def _client(self) -> Any:  # noqa: ANN401 - botocore makes its clients' classes as it runs
        """Return the client, made on first use, and once: botocore's making is not thread-safe."""
        with self._lock:
            if self._made is None:
                session = self._session or botocore.session.get_session()
                self._made = session.create_client(
                    "sesv2",
                    config=botocore.config.Config(
                        connect_timeout=_CONNECT_TIMEOUT_SECONDS,
                        read_timeout=_READ_TIMEOUT_SECONDS,
                        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
                    ),
                )
            return self._made

    @contextmanager
    def _mapped_errors(self, order: Order) -> Iterator[None]:
        """Turn what can go wrong into the program's error.

        SES's message may quote an address, so it reaches no log, nor as a trace's cause.
        """
        try:
            yield
        except ClientError as error:
            answer = error.response
            self._log_failure(
                order,
                type(error).__name__,
                code=answer.get("Error", {}).get("Code"),
                httpStatus=answer.get("ResponseMetadata", {}).get("HTTPStatusCode"),
                awsRequestId=answer.get("ResponseMetadata", {}).get("RequestId"),
            )
            raise _refused(answer.get("Error", {})) from None
        except (BotoCoreError, DeadlineExceeded) as error:
            self._log_failure(order, type(error).__name__)
            raise _unsent() from None

    def _log_failure(self, order: Order, kind: str, **known: object) -> None:
        self._log.error("ses_failed", {"orderId": order.id, "type": kind, **known})


def _refused(error: Mapping[str, Any]) -> MailProviderError:
    said = error.get("Message") or ""
    if error.get("Code") in _FINAL_REFUSALS and _UNVERIFIED not in said:
        return MailProviderError("the e-mail was refused for good", permanent=True)
    return _unsent()


def _unsent() -> MailProviderError:
    return MailProviderError("the e-mail could not be sent; it will be tried again")
