"""What a tenant's requests and tasks do while it moves: wait, or begin again where it is then."""
