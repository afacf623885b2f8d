"""The workspace, without servers."""
