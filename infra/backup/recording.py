"""The entries that a restore leaves in the audit trail: one before anything is written, one at its
end. A beginning without an end was cut off.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.audit import DATABASE
from chalicelib.domain.clock import utc_now
from chalicelib.log_context import bound
from chalicelib.services.auditing import Auditor
from chalicelib.store.audit import audit_item
from infra.backup.file_format import RawItem, Reader

AUDIT = "AuditTable"
BEGUN, DONE = "database_restore_begun", "database_restored"
# Whoever has the stage's AWS credentials; CloudTrail knows whose they were.
_OPERATOR = "operator"


def restore_entry(action: str, backup: Reader, **more: Any) -> RawItem:  # noqa: ANN401 - any JSON
    """Return an entry of now, under a key that no file and no other entry has, as DynamoDB has it.

    It names the file by its stage, its time and its checksum, since the file's name says nothing.
    """
    details: Mapping[str, Any] = {
        "fileStage": backup.header.stage,
        "fileAsOf": backup.header.as_of,
        "sha256": backup.checksum,
        **more,
    }
    entry = Auditor(utc_now, bound).entry(action, DATABASE, _OPERATOR, details=details)
    item: RawItem = audit_item(entry).serialize()
    return item
