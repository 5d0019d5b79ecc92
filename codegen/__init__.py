"""What `make generate` runs: everything that is derived from the contract in `proto/`."""
