"""Several copies of one model, each with a process and a queue of its own, that look like one."""
