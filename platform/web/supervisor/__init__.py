"""`make run`: everything that Attune consists of, started in order, watched and stopped in order."""
