"""The adopter's app."""
