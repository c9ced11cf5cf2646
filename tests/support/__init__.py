"""What tests share: builders of domain objects, fakes of the ports, and ways to call the API."""
