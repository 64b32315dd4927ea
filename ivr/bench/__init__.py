"""A command for each measure of speed, `scripts/bench/NAME`, made of the parts of `ivr.load`."""
