"""What clients and servers say to each other. One package for each protocol."""
