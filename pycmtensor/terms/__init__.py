"""Parts of utilities: draws, segments, transforms, regret, networks; and relations between parameters."""
