"""Gates, latch and replay by themselves."""
