"""What every HTTP application shares: routing, problems, metrics, admission."""
