"""What makes a breaker open and close: a pure state machine, and the one who asks the server."""
