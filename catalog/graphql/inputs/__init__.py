"""What lists are filtered and ordered by, by what they list."""
