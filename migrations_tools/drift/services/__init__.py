"""Check for drift, mend a schema, drop what is left over."""
