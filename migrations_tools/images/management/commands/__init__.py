"""`build_image`."""
