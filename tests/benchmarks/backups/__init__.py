"""How long a backup and a restore take."""
