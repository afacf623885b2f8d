"""Commands of the images."""
