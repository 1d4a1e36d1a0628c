"""Out to people and programs: REST with ETag/304, Socket.IO, and the board's page."""
