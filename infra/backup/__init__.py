"""A stage's data in one file, and back. Nothing of it is deployed. `docs/backup.md` says what it is
for beside point-in-time recovery.
"""
