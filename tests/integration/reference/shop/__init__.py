"""An app as an adopter would bring it."""
