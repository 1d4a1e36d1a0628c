"""Twilio: request signatures, and status, AMD and recording callbacks as facts."""
