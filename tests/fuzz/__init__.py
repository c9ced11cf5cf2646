"""Requests that schemathesis makes up from the OpenAPI document, sent to the local run."""
