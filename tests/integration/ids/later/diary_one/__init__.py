"""An app of an adopter, in its first release."""
