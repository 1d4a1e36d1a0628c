"""MongoDB, the truth: calls, campaigns, figures, the raw inbox, and the feed of changes.

The only package that knows the driver. Every acknowledged write is majority-committed.
"""
