"""The documentation; `make docs` builds the site."""
