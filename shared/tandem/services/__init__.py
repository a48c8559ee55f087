"""One use case for each module: typed arguments and ports in, domain objects out."""
