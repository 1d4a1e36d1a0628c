"""From changes to figures and views: each change counted exactly once, each view at a position."""
