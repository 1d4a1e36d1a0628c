"""A coherent cache for asyncio over Redis or Valkey, domain-free; nothing of callboard in it.

```python
PRICES = Keyspace(name="price", codec=TEXT, ttl_s=60, clocked=False)
cache = Cache(open_links("redis://127.0.0.1:6379"))
await cache.start()
answer = await cache.get_or_load(PRICES.key("apple"), load)
await cache.invalidate(PRICES.key("apple"))
```
"""

from callboard.cache.answer import Answer, BatchLoader, Loaded, Loader, Source
from callboard.cache.audit import Audited, Auditor, sample
from callboard.cache.engine import Cache
from callboard.cache.errors import CacheError, LoadTimeout, TierUnavailable, TooManyRequests
from callboard.cache.links import open_links
from callboard.cache.policy import BYTES, JSON, TEXT, Codec, Key, Keyspace
from callboard.cache.records import Hook, Outcome, Record
from callboard.cache.transport import Transport
from callboard.cache.warm import Warmed

__all__ = [
    "BYTES",
    "JSON",
    "TEXT",
    "Answer",
    "Audited",
    "Auditor",
    "BatchLoader",
    "Cache",
    "CacheError",
    "Codec",
    "Hook",
    "Key",
    "Keyspace",
    "LoadTimeout",
    "Loaded",
    "Loader",
    "Outcome",
    "Record",
    "Source",
    "TierUnavailable",
    "TooManyRequests",
    "Transport",
    "Warmed",
    "open_links",
    "sample",
]
