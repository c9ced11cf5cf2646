"""Use cases, given a store and a payment gateway through the protocols in `ports`."""
