"""The local path from samples to a transcript; knows no wire format and no engine's library."""
