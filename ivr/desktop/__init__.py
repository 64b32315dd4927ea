"""The agent desktop: web pages in their own process, a client of the node's API and nothing more."""
