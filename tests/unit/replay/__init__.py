"""Which migrations may be replayed, judged by their text and by what was seen."""
