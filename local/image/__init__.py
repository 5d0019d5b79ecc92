"""The image, built and started without Docker: by buildah, over a base made of Debian's packages. It asks for root."""
