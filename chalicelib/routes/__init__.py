"""One blueprint a resource. A view parses, makes one call and maps the result."""
