"""Look at a schema, plan its adoption, take it over."""
