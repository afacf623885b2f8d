"""As release two, and a migration that fails where a tenant has a bad row."""
