"""The API's version, as clients see it."""

VERSION = "0.1.0"
