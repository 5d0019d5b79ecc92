"""The user service: accounts, profiles, sessions and the signing of user tokens."""
