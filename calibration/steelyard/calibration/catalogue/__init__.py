"""What kinds of instruments there are and under which law: dated editions, regimes, limits. A kind is a TOML file."""
