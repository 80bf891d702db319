"""From bytes to answered, typed calls: transport, frames, messages, and the link that repeats."""
