"""Pages of a tenant's people: sign-in, passwords, members, invitations, one's own profile."""
