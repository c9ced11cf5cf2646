"""Request bodies as pydantic models; imported only where a body is read."""
