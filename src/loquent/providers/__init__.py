"""Other servers that serve models, one adapter for each wire; knows no caller and no choice."""
