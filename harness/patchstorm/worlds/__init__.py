"""Where storms are run. One package for each world; none of them knows another."""
