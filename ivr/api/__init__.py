"""The node's API: REST, one event stream, and the client that our own pages and command line use."""
