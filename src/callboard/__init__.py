"""callboard: what AI phone campaigns are doing now, from both vendors' webhooks."""

__version__ = "0.1.0"
