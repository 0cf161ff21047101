"""What people and programs ask for, and cannot be done."""


class NotPossible(Exception):
    """It cannot be done as things are; the message says why and what to do."""
