"""What stops a backup or a restore."""


class BackupError(Exception):
    """It cannot be done; the text says why, and what to do."""


class BadFile(BackupError):
    """The file is not a whole, unaltered backup of tables like these."""
