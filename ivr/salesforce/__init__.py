"""Salesforce: who is calling, which case is open, and what is written back."""
