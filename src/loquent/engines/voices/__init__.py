"""Tells voices apart: who of up to three speaks in ten seconds, and what makes each voice his."""
