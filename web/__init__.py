"""Serves the web app: the files of web/app/dist, with their security headers."""
