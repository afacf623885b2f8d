"""Commands of the development servers."""
