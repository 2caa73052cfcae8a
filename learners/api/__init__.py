"""The HTTP interface of people, groups, events and attempts."""
