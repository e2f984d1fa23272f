"""The attached tier, piece by piece, without a cluster."""
