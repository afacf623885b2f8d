"""Tests of the adopter; copied as `test_<name>.py`, since here they are none of ours."""
