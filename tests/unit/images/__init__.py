"""The pure parts of images."""
