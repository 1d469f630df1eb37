"""Migrations, each for both databases: `env.py` runs them, `versions/` holds one file per revision."""
