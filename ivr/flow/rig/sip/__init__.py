"""The rig on the telephone: a scenario over real SIP and RTP on loopback, in real time."""
