"""Tells who speaks when: a recording is heard window by window, and voices are told apart."""
