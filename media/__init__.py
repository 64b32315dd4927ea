"""The voice of the IVR: everything that touches SIP, RTP and audio."""
