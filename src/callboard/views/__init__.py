"""The derived state in Redis: every view's items, delta log and position. Never the truth.

Only the projector writes here, fenced by its epoch; a reader never fills a view.
"""
