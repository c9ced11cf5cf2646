"""Lambda entry points that are not the API. They never import `app`."""
