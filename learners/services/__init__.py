"""Everything that writes: events and attempts, freshness, groups and their rules, accounts."""
