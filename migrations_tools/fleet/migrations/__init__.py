"""Tables of the journal, in control."""
