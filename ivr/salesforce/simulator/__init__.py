"""A Salesforce org in one process: enough of the REST API, honestly, to try everything without an account.

What it does not know it refuses with an error that says so. It keeps phone numbers as typed, so LIKE misses
the same numbers as in a real org, and its faults can be switched on over HTTP. Nothing of the connector is
imported here: the two sides of the wire were written apart.

| modules | hold |
|---|---|
| fields, schema, values, ids | what objects and fields are, which there are, what may be written |
| org, policy, data | the records; the app, its user and the settings; the first records of a file |
| soql_tokens, soql_tree, soql, sosl | SOQL and SOSL parsed |
| paths, conditions, query, search, batches | what is parsed, run over records |
| exchange, api, rows, composite, describe | the REST resources, without HTTP |
| oauth, sessions | login |
| faults, injector, masking | what goes wrong, and the log of requests |
| app, bodies, controls, pages, server | HTTP |
"""
