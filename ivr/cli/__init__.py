"""The command line `ivr`: a thin client of the node's API and of the parts that can be tried alone."""
