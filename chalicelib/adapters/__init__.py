"""One third party each, behind the protocols of `services.ports`."""
