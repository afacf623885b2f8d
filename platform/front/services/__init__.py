"""What the public host does, as verbs."""
