"""Speak the Wyoming protocol, as Home Assistant does, in front of a running server."""
