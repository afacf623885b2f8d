"""The application that all systems serve: two models, two views."""
