"""Files of events to and from an API, here or anywhere, by the routes that admins have."""
