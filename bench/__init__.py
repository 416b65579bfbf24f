"""Measures accuracy, speed and memory beside a peer; nothing here is part of the product."""
