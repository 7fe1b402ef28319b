"""Speed and cost of Freehold beside other gateways; see docs/explanation/benchmarks.md."""
