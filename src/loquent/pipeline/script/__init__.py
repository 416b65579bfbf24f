"""A written text made ready to be spoken: cleaned of markup, cut where a reader would pause."""
