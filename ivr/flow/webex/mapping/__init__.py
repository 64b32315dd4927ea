"""Activities of Webex to activities of ours: a module for each group, one function for each type."""
