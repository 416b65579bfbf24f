"""The web console, as files for browsers; holds no code that runs here."""
