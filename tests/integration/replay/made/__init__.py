"""An app without models of its own; each test writes its migrations."""
