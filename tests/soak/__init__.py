"""The soak: hours of venue time with faults and restless clients, and a server that must not grow."""
