"""The adapter of AssemblyAI: recordings as jobs, and live streams."""
