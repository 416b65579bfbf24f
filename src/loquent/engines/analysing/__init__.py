"""Shares one model that tells voices apart between recordings, what is due first going first."""
