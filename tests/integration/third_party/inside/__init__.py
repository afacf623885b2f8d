"""The tests that run inside that Django; test_third_party.py starts them."""
