"""A cache before anything slow, with no other part of callboard: python cache_alone.py URL."""

import asyncio
import sys

from callboard.cache import TEXT, Cache, Keyspace, Loaded, open_links

PRICES = Keyspace(name="price", codec=TEXT, ttl_s=60, soft_ttl_s=45, clocked=False)
shop = {"apple": "1.20"}


async def load_apple(_floor: int) -> Loaded[str]:
    """Ask the shop; slow in real life."""
    return Loaded(shop["apple"])


async def main(url: str) -> None:
    """Read twice, change the price, read again."""
    cache = Cache(open_links(url))
    await cache.start()
    apple = PRICES.key("apple")
    for _ in range(2):
        print(await cache.get_or_load(apple, load_apple))
    shop["apple"] = "1.30"
    await cache.invalidate(apple)  # from here on no process is given 1.20
    print(await cache.get_or_load(apple, load_apple))
    await cache.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
