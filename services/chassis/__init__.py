"""The chassis: everything that is the same in every service, and nothing that is about commerce."""
