"""An adopter's project; the tests copy it into a folder of their own, where it is on the path."""
