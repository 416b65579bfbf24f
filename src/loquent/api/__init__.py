"""HTTP in, HTTP out: the only room that knows forms, status codes, headers and keys."""
