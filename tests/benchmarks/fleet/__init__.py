"""The application whose schemas are made and migrated: 24 tables, in three releases."""
