"""ElevenLabs: webhook signatures, and what its events say of calls as facts."""
