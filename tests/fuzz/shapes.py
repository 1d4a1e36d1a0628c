"""Odd values, texts, JSON and forms, all from one seeded source of chance."""

import json
import random
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

__all__ = ["Pairs", "Shapes"]

Pairs = list[tuple[str, str]]
Picked = TypeVar("Picked")

_DEEP = "@deep@"
_WORDS: tuple[Any, ...] = (
    "",
    " ",
    "$gt",
    "$$NOW",
    "$status",
    "$",
    "a.b",
    ".",
    "..",
    "__proto__",
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff\ud800",
    "\U0001f600",
    "é",
    "\u202e",
    "null",
    "NaN",
    "-1",
    "9" * 40,
    "CA" + "0" * 32,
    "CA" + "g" * 32,
    "{}",
    "%00",
    "%zz",
    "&=",
    "\r\nX: y",
    "Wed, 08 Oct 0001 13:54:12 -1200",
    "Fri, 31 Dec 9999 23:59:59 -0100",
    "Wed, 08 Oct 2025 13:54:12 +9999",
    "29 Feb 2023",
    "post_call_transcription",
    "post_call_audio",
    "call_initiation_failure",
    "completed",
    "in_progress",
    "cancelled",
)
_NUMBERS: tuple[Any, ...] = (
    0,
    -1,
    1,
    0.1,
    -0.0,
    1e15,
    1e308,
    5e-324,
    float("nan"),
    float("inf"),
    1 << 31,
    1 << 40,
    (1 << 53) + 1,
    (1 << 63) - 1,
    1 << 63,
    -(1 << 63),
    (1 << 64) - 1,
    1 << 64,
    10**400,
)
_TREES: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    {"": ""},
    {"$gt": 1},
    {"a.b": 1},
    {"$where": "1"},
    {"\x00": 1},
    {".": {"$": [1, {"v": 1}]}},
    {"v": 9, "s": "x"},
    _DEEP,
)


class _Doubled(dict[str, Any]):
    """An object that names each of its keys twice when it is written."""

    def items(self) -> Any:
        """Return the names and values, and the names once more."""
        return [*super().items(), *((name, None) for name in self)]


class Shapes:
    """Draws whatever nobody sends on purpose."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def often(self, probability: float) -> bool:
        """Tell whether something happens that happens so often."""
        return self.chance.random() < probability

    def pick(self, options: Sequence[Picked]) -> Picked:
        """Return one of them."""
        return self.chance.choice(options)

    def text(self) -> str:
        """Return a text, now and then a long one."""
        if self.often(0.03):
            return self.pick("aé\x00$.😀") * self.pick([127, 129, 511, 513, 4_001, 30_000])
        if self.often(0.5):
            return str(self.pick(_WORDS))
        return "".join(
            chr(self.chance.randrange(1, 0x2FF)) for _ in range(self.chance.randrange(9))
        )

    def value(self) -> Any:
        """Return a value that fits nowhere in particular."""
        drawn: Callable[[], Any] = self.pick(
            [self.text, lambda: self.pick(_NUMBERS), lambda: deepcopy(self.pick(_TREES))]
        )
        return drawn()

    def tree(self, depth: int = 3) -> Any:
        """Return random JSON."""
        if depth == 0 or self.often(0.3):
            return self.value()
        size = self.chance.randrange(5)
        if self.often(0.4):
            return [self.tree(depth - 1) for _ in range(size)]
        kind = _Doubled if self.often(0.1) else dict
        return kind({self.text(): self.tree(depth - 1) for _ in range(size)})

    def mutated(self, tree: Any) -> Any:
        """Return a tree with a few things wrong."""
        found = deepcopy(tree)
        for _ in range(self.chance.randrange(1, 5)):
            found = self._once(found)
        return found

    def _once(self, tree: Any) -> Any:
        """Change one thing, at any depth."""
        if not isinstance(tree, (dict, list)) or not tree or self.often(0.08):
            return self.value()
        if isinstance(tree, list):
            number = self.chance.randrange(len(tree))
            tree[number] = self._once(tree[number])
            return tree
        name = self.pick(sorted(tree))
        act = self.chance.random()
        if act < 0.15:
            del tree[name]
        elif act < 0.25:
            tree[self.text()] = tree.pop(name)
        elif act < 0.3:
            return _Doubled(tree)
        elif act < 0.35:
            tree[name] = [tree[name]]
        else:
            tree[name] = self._once(tree[name])
        return tree

    def written(self, tree: Any) -> bytes:
        """Return JSON, or what is nearly JSON."""
        ascii_only = self.often(0.5)
        said = json.dumps(tree, ensure_ascii=ascii_only, indent=1 if self.often(0.1) else None)
        body = said.encode("utf-8", "surrogatepass")
        if _DEEP.encode() in body:
            depth = self.pick([50, 253, 254, 300, 1_023, 1_025, 5_000])
            ends = self.pick([(b"[", b"]"), (b'{"a":', b"1" + b"}")])
            deep = ends[0] * depth + (ends[1][:-1] + ends[1][-1:] * depth)
            body = body.replace(b'"' + _DEEP.encode() + b'"', deep, 1)
        if self.often(0.05):
            body = self.spoiled(body)
        return body

    def spoiled(self, body: bytes) -> bytes:
        """Return bytes of which a few are others, missing or too many."""
        spoiled = bytearray(body)
        for _ in range(self.chance.randrange(1, 4)):
            at = self.chance.randrange(len(spoiled) + 1)
            cut = self.chance.randrange(3)
            spoiled[at : at + cut] = self.chance.randbytes(self.chance.randrange(3))
        return bytes(spoiled)

    def form(self, pairs: Pairs) -> Pairs:
        """Return a form with a few fields wrong."""
        found = list(pairs)
        for _ in range(self.chance.randrange(1, 5)):
            at = self.chance.randrange(len(found)) if found else 0
            act = self.chance.random()
            if not found or act < 0.15:
                found.insert(at, (self.text(), self.text()))
            elif act < 0.3:
                del found[at]
            elif act < 0.45:
                found.append((found[at][0], self.text()))
            elif act < 0.5:
                found[at] = (self.text(), found[at][1])
            elif act < 0.55:
                self.chance.shuffle(found)
            else:
                found[at] = (found[at][0], self.text())
        return found

    def encoded(self, pairs: Pairs) -> bytes:
        """Return a form as bytes, by one of the many ways to write it."""
        ways: list[Callable[..., str]] = [quote_plus, quote_plus, quote, _every_byte]
        way = self.pick(ways)
        parts = []
        for name, value in pairs:
            said = (way(part, errors="surrogatepass") for part in (name, value))
            parts.append("=".join(said))
        if self.often(0.1):
            parts.insert(
                self.chance.randrange(len(parts) + 1), self.pick(["", "=", "a", "%", "&"])
            )
        return "&".join(parts).encode("ascii")


def _every_byte(text: str, errors: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode("utf-8", errors))
