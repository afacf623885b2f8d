"""The test kit, as adopters use it: their own project, in a process of its own."""
