"""Queues and agents: who is served next, by whom, and why."""
