"""What the project costs, measured against rivals, a bare relay and its own earlier figures.

`python -m bench` takes ratios of CPU time on this machine, `python -m bench.latency` follows a price from a venue to
a client through real processes, `python -m bench.cpu` counts what a running server takes.
"""
