"""Turns spoken samples into the bytes of a file while they come; who spoke them it never asks."""
