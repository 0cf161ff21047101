"""What monitors ask: whether the desk lives and can work (health), and how it does in numbers (metrics)."""
