"""How the tables came to be, step by step; alembic reads this folder, nobody imports it."""
