"""The DRAM controller: clock-exact, with idle clocks skipped. May import other kernels only."""
