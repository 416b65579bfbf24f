"""Models on a Ray cluster: what runs there, the child that speaks to it, and their place here."""
