"""Measuring models: retrieval in every direction, drift, and public benchmarks. See docs/evaluation.md."""
