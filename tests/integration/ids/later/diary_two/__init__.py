"""An app of an adopter, in its second release."""
