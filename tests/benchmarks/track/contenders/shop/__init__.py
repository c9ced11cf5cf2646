"""The shop that Powertools and FastAPI are put in front of: boto3, pydantic, a single table."""
