"""Everything about the MQTT broker: its configuration, who may do what on it, and our connection to it."""
