"""What git calls: programs that git starts for one file, that must be quick and must never break a git command."""
