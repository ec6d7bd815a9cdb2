"""What the rooms of the package share, and what knows none of them."""
