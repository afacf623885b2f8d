"""An app of tenants with awkward migrations."""
