"""What is publicly known of error codes and log lines, as data in our own words."""
