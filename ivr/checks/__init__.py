"""What `ivr check` tries, a module for each part of the node."""
