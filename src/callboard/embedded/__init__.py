"""Real engines as child processes, for who has none: one mongod, one Valkey, on loopback."""
