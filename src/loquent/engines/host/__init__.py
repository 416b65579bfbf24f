"""A loaded model in a child process of its own: how to start it, to talk to it and to end it."""
