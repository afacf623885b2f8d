"""Signing in, passwords, members, invitations, tokens."""
