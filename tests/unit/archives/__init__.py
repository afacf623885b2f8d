"""Archives as files: what is written, and what is not believed."""
