"""Flows: call treatment as data. A graph of named activities with typed outcomes as edges."""
