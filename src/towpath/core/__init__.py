"""What every layer shares: records, errors, times, findings. Standard library and msgspec only."""
