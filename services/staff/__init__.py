"""Staff: who they are, what they may do, and the record of all they did. `desk` is the one place that decides."""
