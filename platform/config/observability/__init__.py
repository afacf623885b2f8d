"""What operators see of a running process: health, figures, log lines."""
