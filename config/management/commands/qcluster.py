"""The workers of this machine by the name that the queue's library gives them, which people and units know."""

from config.management.commands.worker import Command

__all__ = ["Command"]
