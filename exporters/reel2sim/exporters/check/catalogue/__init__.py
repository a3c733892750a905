"""What is checked: stable ids, severities, remedies."""
