"""What a policy would have been worth, from another one's log; and bounds that may be watched."""
