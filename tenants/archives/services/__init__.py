"""Export, import, clone."""
