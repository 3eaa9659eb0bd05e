"""What utilities are made of: draws, segments, transforms, regret, networks; and relations between parameters."""
