"""Builds and starts the image without Docker: with buildah, on a base of Debian packages. Requires root."""
