"""Published mappings, one YAML file each, named ``machine_network``; ``--mapping`` takes their names."""
