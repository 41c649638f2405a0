"""Measures the codecs beside what a Python user could pick instead. Run: python -m benchmarks."""
