"""What shape: from Django's migrations to the tables of a tenant's schema."""
