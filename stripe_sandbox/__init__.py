"""A stateful stand-in for Stripe's API, for laptops and tests: Stripe's semantics, no network, no money."""
