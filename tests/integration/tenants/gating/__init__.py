"""A tenant that moves: who waits, who is told, and what begins anew. The moves are made by hand."""
