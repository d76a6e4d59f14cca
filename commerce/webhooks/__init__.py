"""Webhooks: what apps are told of, one row per event and subscription, delivered at least once and in order per object.

The relay's `fan_out` writes the deliveries of a batch of events in the relay's own transaction; `delivering` claims
those that are due, sends them outside of any transaction and writes down what came of it.
"""
