"""What several ranks cost and bring: measured here, and predicted for clusters."""
