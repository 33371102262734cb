"""What methods are made of, and share: goals of a descent, transforms level by level, correspondences, warps, crops."""
