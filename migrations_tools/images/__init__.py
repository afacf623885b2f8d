"""Images: an empty tenant's schema at one state, as one script that is replayed in one message."""
