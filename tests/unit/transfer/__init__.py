"""Files that people bring, read without servers."""
