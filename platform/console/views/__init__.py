"""Pages of the console: parse, call one service, render."""
