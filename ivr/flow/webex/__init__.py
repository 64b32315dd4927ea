"""Flows of Webex Contact Center: exports read, judged, and written as flows of ours."""
