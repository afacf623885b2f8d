"""An app of tenants whose migrations were squashed, and are kept."""
