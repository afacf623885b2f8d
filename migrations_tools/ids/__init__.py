"""One id for one content type or permission, in every tenant's schema."""
