"""Who may do what: keys, callers, changes to accounts; knows no web and no store."""
