"""Which of a cluster's 16,384 slots a key belongs to, and who serves which slots."""

from binascii import crc_hqx
from typing import Any

from callboard.cache.link import Address

__all__ = ["SLOTS", "address_in", "owners", "slot_of"]

SLOTS = 16_384


def slot_of(key: bytes) -> int:
    """Return the slot of a key: CRC16 of its hash tag, else of the whole key.

    Source: the Redis Cluster specification, "Hash tags".

    >>> slot_of(b"123456789") == 0x31C3 % SLOTS, slot_of(b"a{x}b") == slot_of(b"x")
    (True, True)
    >>> slot_of(b"a{}b") == slot_of(b"x")
    False
    """
    start = key.find(b"{")
    if start >= 0:
        end = key.find(b"}", start + 1)
        if end > start + 1:
            key = key[start + 1 : end]
    return crc_hqx(key, 0) % SLOTS


def owners(reply: Any, asked: Address) -> list[Address | None]:
    """Read CLUSTER SLOTS: the primary of every slot, None where nobody serves it.

    A node that does not know its own address sends an empty one: it is the one we asked.
    """
    found: list[Address | None] = [None] * SLOTS
    for first, last, primary, *_ in reply:
        host = (primary[0] or b"").decode() or asked[0]
        address = (host, int(primary[1]))
        found[first : last + 1] = [address] * (last + 1 - first)
    return found


def address_in(error: str, asked: Address) -> Address:
    """Return where `MOVED slot host:port` or `ASK slot host:port` points.

    >>> address_in("MOVED 3999 127.0.0.1:6381", ("a", 1)), address_in("ASK 1 :7", ("a", 1))
    (('127.0.0.1', 6381), ('a', 7))
    """
    host, _, port = error.split(" ")[2].rpartition(":")
    return (host or asked[0], int(port))
