"""Shipped DRAM devices, one YAML file each; :func:`accel_sim.arch.dram_device.load_dram_preset` reads them."""
