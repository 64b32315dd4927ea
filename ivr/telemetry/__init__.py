"""What the node tells about itself: metrics and logs."""
