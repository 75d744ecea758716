"""Alerts: who is told of a new work order, in which words, by which way, and how often it is tried."""

from steelyard.api.alerts.delivery import Delivered, deliver_alerts

__all__ = ["Delivered", "deliver_alerts"]
