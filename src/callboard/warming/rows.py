"""Counts that forget: each new one weighs a little more than the one before."""

from collections.abc import Iterator, Mapping

__all__ = ["Row"]

_STEP_MAX = 1e9
_LEAST = 0.005
"""What weighs less is not saved."""
_DIGITS = 3
_WEIGHT_MAX = 1e6


class Row:
    """How often what came next, of a bounded number of words.

    To let everything before count `keep` times as much, the new one counts `1 / keep` times as
    much: adding costs the same however much is remembered.

    Args:
        keep: what a count is worth after one more; 0.93 remembers about 14 of them.
        most: how many words are remembered; the lightest makes room. Its weight stays in the
            total, as something else that may come.
    """

    __slots__ = ("_counts", "_keep", "_most", "_step", "_sum")

    def __init__(self, keep: float, most: int) -> None:
        self._keep = keep
        self._most = most
        self._step = 1.0
        self._sum = 0.0
        self._counts: dict[str, float] = {}

    def add(self, word: str) -> None:
        """Count a word once more."""
        self.turn()
        self.weigh(word)

    def turn(self) -> None:
        """Let one more chance begin, in which words may come."""
        self._step /= self._keep
        self._sum += self._step
        if self._step > _STEP_MAX:
            self._settle()

    def weigh(self, word: str) -> None:
        """Let a word have come in the chance that began last."""
        counts = self._counts
        if word not in counts and len(counts) >= self._most:
            del counts[min(counts, key=counts.__getitem__)]
        counts[word] = counts.get(word, 0.0) + self._step

    def _settle(self) -> None:
        step, self._step = self._step, 1.0
        self._sum /= step
        self._counts = {word: count / step for word, count in self._counts.items()}

    @property
    def total(self) -> float:
        """Return the weight of all chances."""
        return self._sum / self._step

    def __len__(self) -> int:
        return len(self._counts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._counts)

    def weight(self, word: str) -> float:
        """Return what a word weighs now: the chances it came in, older ones less."""
        return self._counts.get(word, 0.0) / self._step

    def mixed(self, base: Mapping[str, float], strength: float) -> dict[str, float]:
        """Return how likely each word is, with a base that counts like so many chances."""
        whole = self.total + strength
        mixed = {word: strength * share / whole for word, share in base.items()}
        scale = whole * self._step
        for word, count in self._counts.items():
            mixed[word] = mixed.get(word, 0.0) + count / scale
        return mixed

    def to_json(self) -> list[object]:
        """Return it as plain JSON."""
        weights = {word: round(self.weight(word), _DIGITS) for word in self._counts}
        kept = {word: weight for word, weight in weights.items() if weight > _LEAST}
        return [round(self.total, _DIGITS), kept]

    def restore(self, document: object, *, alone: bool = True) -> None:
        """Take in what was saved, as much of it as makes sense.

        `alone`: only one word comes in a chance, so together they weigh no more than all.
        """
        match document:
            case [int() | float() as total, dict() as weights] if 0 <= total <= _WEIGHT_MAX:
                heaviest = sorted(
                    (
                        (float(weight), word)
                        for word, weight in weights.items()
                        if isinstance(word, str) and isinstance(weight, int | float)
                        if _LEAST < weight <= _WEIGHT_MAX
                    ),
                    reverse=True,
                )[: self._most]
                self._counts = {word: weight for weight, word in heaviest}
                together = max(self._counts.values(), default=0.0)
                if alone:
                    together = sum(self._counts.values())
                self._step, self._sum = 1.0, max(float(total), together)
            case _:
                return
