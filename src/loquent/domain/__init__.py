"""The frozen values and errors that every room speaks in; it imports nothing of the rest."""
