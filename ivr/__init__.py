"""The mind of the IVR: flows, queues, Salesforce, records, API, desktop."""
