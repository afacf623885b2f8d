"""The tests that run inside that Django; test_replay.py starts them."""
