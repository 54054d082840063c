"""The attribute convention as data, and what is generated from it."""
