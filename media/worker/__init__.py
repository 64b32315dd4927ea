"""A media worker: the only code that imports pjsua2. One process, one loop, a few SIP legs."""
