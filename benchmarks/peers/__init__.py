"""One script per library, for the interpreter that has it; see `worker` for what they answer."""
