"""One tree for everything that can go wrong.

```text
CallboardError
├── ConfigurationError            the operator must act; exit code 2
├── Rejected                      the sender must act; never retried
│   ├── BadSignature
│   ├── CampaignExists
│   ├── MalformedPayload
│   ├── PayloadTooLarge
│   └── Unauthorized
├── NotFound
│   ├── CallNotFound
│   └── CampaignNotFound
├── Unavailable                   retryable
│   ├── StoreUnavailable
│   └── ViewsUnavailable
├── HistoryLost                   take a snapshot and go on
│   ├── ResumeTokenExpired
│   └── PositionLost
├── LeaseLost                     somebody else leads now; stop writing
└── InvariantViolated             our bug; logged with full context, never swallowed
```

The mapping to HTTP lives at the edge (`callboard.delivery.problems`).
"""

__all__ = [
    "BadSignature",
    "CallNotFound",
    "CallboardError",
    "CampaignExists",
    "CampaignNotFound",
    "ConfigurationError",
    "HistoryLost",
    "InvariantViolated",
    "LeaseLost",
    "MalformedPayload",
    "NotFound",
    "PayloadTooLarge",
    "PositionLost",
    "Rejected",
    "ResumeTokenExpired",
    "StoreUnavailable",
    "Unauthorized",
    "Unavailable",
    "ViewsUnavailable",
]


class CallboardError(Exception):
    """Anything callboard raises on purpose."""

    retryable = False


class ConfigurationError(CallboardError):
    """The operator must change something before callboard can start."""


class Rejected(CallboardError):
    """The sender must change something; sending it again will not help."""


class BadSignature(Rejected):
    """The request was not signed with the secret we share with the vendor."""


class CampaignExists(Rejected):
    """A new campaign's id is another campaign's already."""

    field = "id"


class MalformedPayload(Rejected):
    """The body or query cannot be understood; `field` names the offender."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class PayloadTooLarge(Rejected):
    """The body is larger than the configured limit."""


class Unauthorized(Rejected):
    """No key, an unknown key, or a key without the scope this needs."""

    def __init__(self, message: str, *, known: bool = False) -> None:
        super().__init__(message)
        self.known = known


class NotFound(CallboardError):
    """What was asked for does not exist."""


class CallNotFound(NotFound):
    """No call with this call SID."""


class CampaignNotFound(NotFound):
    """No campaign with this id."""


class Unavailable(CallboardError):
    """A part we depend on does not answer; trying again later may help."""

    retryable = True


class StoreUnavailable(Unavailable):
    """MongoDB does not answer or has no primary."""


class ViewsUnavailable(Unavailable):
    """Redis does not answer, or nobody vouches for the view."""


class HistoryLost(CallboardError):
    """The thread of changes is broken; take a snapshot and go on from there."""


class ResumeTokenExpired(HistoryLost):
    """MongoDB's oplog no longer holds the change after our checkpoint."""


class PositionLost(HistoryLost):
    """The delta log no longer holds the offset after the wanted position."""


class LeaseLost(CallboardError):
    """Another process holds the lease; a write of ours was fenced off."""


class InvariantViolated(CallboardError):
    """Something that cannot be is; a bug of ours."""
