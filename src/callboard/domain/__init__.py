"""The pure core: calls, what they add to each view, and streams of deltas. No I/O, no clock."""
