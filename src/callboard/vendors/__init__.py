"""What the vendors send and how they sign it, one capsule each."""
