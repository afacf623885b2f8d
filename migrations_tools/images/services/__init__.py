"""Build images, find them, compare two builds."""
