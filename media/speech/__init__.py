"""Text to speech: an engine in its own process, a cache, and a deadline on every request."""
