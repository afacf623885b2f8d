"""One service a file: prepare a database, make roles, create, furnish, describe, drop schemas."""
