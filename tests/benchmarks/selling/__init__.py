"""What selling tickets costs: calls and units, step by step."""
