"""Which deployment serves a request; knows names and capabilities, no engine and no wire."""
