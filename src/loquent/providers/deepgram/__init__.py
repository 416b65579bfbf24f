"""The adapter of Deepgram: recordings, Aura's voices and live streams."""
