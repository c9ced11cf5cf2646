"""The whole API on one machine, with stand-ins for AWS, Stripe and the issuer of tokens."""
