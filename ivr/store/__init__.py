"""Records, timeline, notes and outbox: what outlives the process. `store.py` is the door."""
