"""Webhooks in: verify, parse, commit durably, acknowledge. In that order."""
