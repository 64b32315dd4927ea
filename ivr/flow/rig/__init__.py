"""The test rig of flows: scripted people and systems around a real run, in virtual time."""
