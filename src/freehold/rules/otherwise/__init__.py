"""What facts would have had to be for a rule not to fire."""
