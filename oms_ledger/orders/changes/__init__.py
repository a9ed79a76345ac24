"""Order modifications, both generations: what they cost, what they leave, what they may be."""
