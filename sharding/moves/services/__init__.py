"""What moves do: thin runners of the core's steps on real servers."""
