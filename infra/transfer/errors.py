"""Why a transfer ends before its time."""


class TransferError(Exception):
    """Nothing more can be done; the text says why, to whoever called the command."""


class BadFile(TransferError):
    """The file cannot be read or written, or is none of the forms there are."""


class Refused(TransferError):
    """The API does not take the request, and would not take it a second time."""


class Unreachable(TransferError):
    """The API did not answer, or not well, however often it was asked."""


class NotSignedIn(TransferError):
    """There is no token to sign in with, or no API key."""
