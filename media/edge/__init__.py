"""The edge: Kamailio as a supervised child, between everybody outside and the workers."""
