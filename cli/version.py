"""The version of Argosy. Packaging, the image's name and the contract's releases read it here."""

VERSION = "0.1.0"
