"""One settings module per system under measurement."""
