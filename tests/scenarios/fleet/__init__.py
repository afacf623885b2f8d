"""Fleet migrations whose process, or whose server, is killed."""
