"""What can be done in a workspace: every write goes through here."""
