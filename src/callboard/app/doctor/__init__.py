"""`callboard doctor`: looks at everything an installation needs, and says what to do.

A *check* looks at one thing and yields findings; each is bounded in time, none waits for another
that failed. Nothing is changed: not in MongoDB, not in Redis, not in the data folder.
"""
