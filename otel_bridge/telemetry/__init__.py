"""What the bridge says about itself: `metrics` and `logs`. Nothing is imported here: only the API needs the SDK."""
