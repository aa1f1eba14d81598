"""lsgeo side by side with other tools: same weights, same data, one process at work at a time.

    python -m benchmarks.run --workload=mlp-50k --job=product --output=runs/bench/results.json
    python -m benchmarks.table runs/bench/results.json
    python -m benchmarks.torture
    python -m benchmarks.product_cost

`make bench` installs the extra `bench` and runs all of it.
"""
