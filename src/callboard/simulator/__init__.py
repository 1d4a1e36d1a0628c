"""Made-up phone campaigns: a seeded scenario of calls, and a driver that plays both vendors.

`scenario` is pure: the same options and start always give the same webhooks. `driver` does the
I/O: it posts them, signed, at their time. Neither reads settings; `app` and `cli` wire them.
"""
