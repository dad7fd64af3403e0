"""The DRAM controller: clock-exact, with idle clocks skipped. May import other kernels only.

Read in this order: `layout` (what a channel is), `config` (constraints as a table), `bank`, `commands`, `accept`,
`move`, `controller` (one clock), then a front end: `trace` (a list of requests) or `transfers`, `clients` and
`server` (several clients, for the engines).
"""
