"""Keep a roster of AI coding agents at work on one GitHub repository."""
