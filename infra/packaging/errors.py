"""What can go wrong while packaging, as one sentence for whoever packages."""


class PackagingError(Exception):
    """The package cannot be made; the text says why and, where that is known, what to do."""
