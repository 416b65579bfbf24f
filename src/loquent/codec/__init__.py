"""Turns bytes in any accepted container into samples; what is said in them it never asks."""
