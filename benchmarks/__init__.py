"""Accuracy and speed against the peers, each runnable by one command."""
