"""Where to: everything that turns the scope into an address. No I/O."""
