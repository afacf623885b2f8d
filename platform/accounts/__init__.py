"""A tenant's people: the user model and sign-in."""
