"""Interactive explanation: a page on which pictures are explained, painted over, and explained again."""
