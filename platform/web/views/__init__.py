"""Thin views: what a form says goes to a service, what a page shows comes from selectors."""
