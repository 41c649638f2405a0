"""How long the codecs take for a message, beside what a Python user could pick instead. Run: python -m benchmarks."""
