"""What goes wrong with batches."""


class NotPossible(Exception):
    """Something about a batch cannot be done as it is; the message says why and what to do."""
