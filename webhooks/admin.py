"""Django finds the pages of webhooks here."""

from webhooks.desk import DeliveryAdmin, WebhookAdmin

__all__ = ["DeliveryAdmin", "WebhookAdmin"]
