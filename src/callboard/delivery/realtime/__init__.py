"""Socket.IO made fast and strict: python-socketio, with direct writes to uvicorn's connections.

Of stock python-socketio remain the packets, the namespaces and the handlers. Ours is how
packets leave (encoded and framed once, written at once or by the tick), what happens to who
reads too slowly, and what the protocols' texts demand and stock leaves out (docs/adr/0019).
"""
